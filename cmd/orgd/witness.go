package main

import (
	"fmt"
	"net/http"
	"strings"
	"time"

	"github.com/orgd/orgd/internal/org"
	"github.com/orgd/orgd/internal/witness"
)

// How often witnesses are asked, and how long one may take to answer.
const (
	cosignPeriod  = 10 * time.Second
	cosignTimeout = 5 * time.Second
)

// witnessAddress is where a witness is and how it signs.
type witnessAddress struct {
	Key, URL string
}

func (w witnessAddress) client() (*witness.Client, error) {
	return witness.New(w.Key, w.URL, &http.Client{Timeout: cosignTimeout})
}

// witnesses is the value of an option: verifier key, space and URL of each,
// separated by commas.
type witnesses []witnessAddress

func (v *witnesses) Type() string { return "list" }

func (v *witnesses) String() string {
	texts := make([]string, len(*v))
	for i, w := range *v {
		texts[i] = w.Key + " " + w.URL
	}
	return strings.Join(texts, ",")
}

func (v *witnesses) Set(s string) error {
	var list witnesses
	for part := range strings.SplitSeq(s, ",") {
		fields := strings.Fields(part)
		if len(fields) == 0 {
			continue
		}
		if len(fields) != 2 {
			return fmt.Errorf("%q is not the verifier key and the URL of a witness", part)
		}
		w := witnessAddress{fields[0], fields[1]}
		if _, err := w.client(); err != nil {
			return err
		}
		list = append(list, w)
	}
	*v = list
	return nil
}

// witnesses returns the witnesses of the configuration.
func (c *config) witnesses() []org.Witness {
	var list []org.Witness
	for _, w := range c.AuditWitnesses {
		if client, err := w.client(); err == nil { // Set made sure of it
			list = append(list, client)
		}
	}
	return list
}
