package api

import (
	"testing"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// FuzzEncodeOrganization compares what is written by hand with what
// encoding/json makes of the wire type.
func FuzzEncodeOrganization(f *testing.F) {
	f.Add("name", "parent", "path", "profile", int64(1_700_000_000_123_456), uint8(0xff))
	f.Add("", "", "", "", int64(0), uint8(0))
	f.Add("<a href=\"x\">&\\ \x00\x1f\x7f", "\u2028\u2029\ufffd", "\xff\xc3(", "ä\b\f\n\r\t😀", int64(1), uint8(0b1010))
	f.Fuzz(func(t *testing.T, name, parent, path, profile string, micros int64, bits uint8) {
		o := org.Organization{
			ID: id.Organization(path), Name: name, Parent: id.Organization(parent), ParentName: profile,
			Created: time.UnixMicro(micros & (1<<57 - 1)), NamesOnly: bits&1 != 0,
		}
		if bits&2 != 0 {
			o.Path = []id.Organization{id.Organization(parent), id.Organization(path)}
		}
		if bits&4 != 0 {
			o.Profile = &org.Profile{BusinessName: profile, BusinessEmail: name, ExternalMetadata: path}
		}
		if bits&8 != 0 {
			o.ManagedBy = profile
		}
		e := Encoder{Limits: org.Limits{Depth: int(bits >> 5), Accounts: 5}, EchoProfile: bits&16 != 0}
		for _, list := range [][]org.Organization{{}, {o}, {o, o}} {
			want, err := marshal(each(list, e.organization))
			if err != nil {
				t.Fatal(err)
			}
			got, err := e.Encode(list)
			if err != nil || string(got) != string(want) {
				t.Errorf("list of %d: %v\n got %s\nwant %s", len(list), err, got, want)
			}
		}
	})
}
