package org

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/audit"
	"github.com/orgd/orgd/internal/fault"
)

// The longest texts of pushed records, in characters. What has an index is
// short enough for it.
const (
	maxRecordKey   = 100
	maxSource      = 100
	maxIdentifier  = 255
	maxWord        = 100
	maxDescription = 500
	maxUserAgent   = 1000
	maxURI         = 4000
)

// checkPush checks a batch and says of every record all that is wrong with it.
//
// Rule: 1 to 1,000 records at once, all or nothing (decisions §6).
func checkPush(now time.Time, batch []PushedRecord) error {
	if n := len(batch); n == 0 || n > BatchRecords {
		return fault.At(fault.Invalid, "/", fmt.Sprintf("The body must have 1 to %d records", BatchRecords))
	}
	var problems []error
	for i := range batch {
		if err := batch[i].Err; err != nil {
			problems = append(problems, err)
			continue
		}
		problems = append(problems, checkPushed(now, &batch[i])...)
	}
	return errors.Join(problems...)
}

// pushCheck collects what is wrong with one record.
type pushCheck struct {
	at       string
	problems []error
}

func (p *pushCheck) refuse(name, format string, args ...any) {
	at := p.at + "/" + name
	p.problems = append(p.problems, fault.At(fault.Invalid, at, at+" "+fmt.Sprintf(format, args...)))
}

func (p *pushCheck) text(name, text string, most int) {
	if !utf8.ValidString(text) || strings.ContainsFunc(text, unicode.IsControl) {
		p.refuse(name, "has characters that are not allowed")
	} else if utf8.RuneCountInString(text) > most {
		p.refuse(name, "must have at most %d characters", most)
	}
}

// word is a text that must be there.
func (p *pushCheck) word(name, text string, most int) {
	if strings.TrimSpace(text) == "" {
		p.refuse(name, "must not be empty")
		return
	}
	p.text(name, text, most)
}

// checkPushed checks the values of one record. The time of a record is that of
// its recording; the one that is pushed stands beside it, so that it may be
// old, but what has not happened yet is no event.
func checkPushed(now time.Time, r *PushedRecord) []error {
	p := &pushCheck{at: r.At}
	p.key(r.Key)
	p.word("source", r.Source, maxSource)
	switch at := r.Occurred; {
	case at.UnixMicro() <= 0:
		p.refuse("time", "must be after 1970-01-01T00:00:00Z")
	case at.After(now.Add(auditAhead)):
		p.refuse("time", "is more than %d minutes ahead of now", int(auditAhead.Minutes()))
	}
	r.Occurred = r.Occurred.UTC().Truncate(time.Microsecond)
	p.text("action/description", r.Action.Description, maxDescription)
	p.actor(&r.Actor)
	p.text("raw/cf_ray_id", r.Raw.RayID, maxWord)
	p.text("raw/method", r.Raw.Method, maxWord)
	p.text("raw/uri", r.Raw.URI, maxURI)
	p.text("raw/user_agent", r.Raw.UserAgent, maxUserAgent)
	p.text("resource/id", r.Resource.ID, maxIdentifier)
	p.text("resource/type", r.Resource.Type, maxWord)
	p.text("resource/product", r.Resource.Product, maxWord)
	if r.Resource.ID != "" && r.Resource.Type == "" {
		p.refuse("resource/type", "is required where there is an id")
	}
	r.Action.Resource, r.Action.Product = r.Resource.Type, r.Resource.Product
	return p.problems
}

func (p *pushCheck) actor(a *audit.Actor) {
	p.text("actor/id", string(a.ID), maxIdentifier)
	p.text("actor/token_id", string(a.TokenID), maxIdentifier)
	p.text("actor/token_name", a.TokenName, maxIdentifier)
	if a.Email != "" {
		email, err := checkEmail(p.at+"/actor/email", a.Email)
		if err != nil {
			p.problems = append(p.problems, err)
		}
		a.Email = email
	}
	if a.IP != "" {
		ip, err := netip.ParseAddr(a.IP)
		if err != nil || ip.Zone() != "" {
			p.refuse("actor/ip_address", "must be an IP address")
		}
		a.IP = ip.Unmap().String()
	}
}

// key checks the identifier that another system gave its record. It may stand
// in a path and in a list of filters, so it has no character that means
// something there.
func (p *pushCheck) key(key string) {
	strange := strings.ContainsFunc(key, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("-._~:@+=", r)
	})
	if n := len(key); strange || n == 0 || n > maxRecordKey || key == "." || key == ".." {
		p.refuse("id", "must be 1 to %d letters, digits and -._~:@+= characters", maxRecordKey)
	}
}
