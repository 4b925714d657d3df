package sqlstore_test

import (
	"os"
	"testing"

	"github.com/orgd/orgd/internal/engine/enginetest"
	"github.com/orgd/orgd/internal/sqlstore"
	"github.com/orgd/orgd/internal/storetest"
)

func TestMain(m *testing.M) {
	if sqlstore.OtherProcess() {
		return
	}
	os.Exit(enginetest.Main(m))
}

func TestStore(t *testing.T) {
	for _, e := range enginetest.All(t) {
		t.Run(e.Name, func(t *testing.T) { storetest.Run(t, e.Open) })
	}
}
