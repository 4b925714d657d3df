package page_test

import (
	"errors"
	"testing"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/page"
)

var golden = []struct {
	position page.Position
	token    string
}{
	{page.Position{Time: time.UnixMicro(1_700_000_000_000_001).UTC(), ID: "0123456789abcdef0123456789abcdef"}, "AVSkNCeC2uZzAAYKJBgeQAEAADAxMjM0NTY3ODlhYmNkZWYwMTIzNDU2Nzg5YWJjZGVm"},
	{page.Position{Key: "zürich", ID: "0123456789abcdef0123456789abcdef"}, "AVSkNCeC2uZzAAAAAAAAAAAAB3rDvHJpY2gwMTIzNDU2Nzg5YWJjZGVmMDEyMzQ1Njc4OWFiY2RlZg"},
	{page.Position{}, "AVSkNCeC2uZzAAAAAAAAAAAAAA"},
}

func TestToken(t *testing.T) {
	v := page.NewView("organizations", "user", "name=a")
	for _, g := range golden {
		if got := page.Encode(v, g.position); got != g.token {
			t.Errorf("Encode(%+v) = %s, want %s", g.position, got, g.token)
		}
		got, err := page.Decode(v, g.token)
		if err != nil || got != g.position {
			t.Errorf("Decode(%s) = %+v, %v", g.token, got, err)
		}
	}
}

func TestTokenOfAnotherViewIsRefused(t *testing.T) {
	v := page.NewView("organizations", "user", "name=a")
	token := page.Encode(v, golden[0].position)
	for _, other := range []page.View{
		page.NewView("organizations", "user", "name=b"),
		page.NewView("organizations", "other", "name=a"),
		page.NewView("members", "user", "name=a"),
		page.NewView("organizations", "use", "rname=a"),
	} {
		if _, err := page.Decode(other, token); !errors.Is(err, fault.New(fault.Invalid, "")) {
			t.Errorf("a token of another view gave %v", err)
		}
	}
}

func FuzzDecode(f *testing.F) {
	v := page.NewView("organizations", "user", "name=a")
	for _, g := range golden {
		f.Add(g.token)
	}
	f.Add("")
	f.Add("AVSkNCeC2uZzAAAAAAAAAAAA__8")
	f.Fuzz(func(t *testing.T, token string) {
		p, err := page.Decode(v, token)
		if err != nil {
			return
		}
		if again := page.Encode(v, p); again != token {
			t.Fatalf("Decode(%q) = %+v, which encodes to %q", token, p, again)
		}
	})
}
