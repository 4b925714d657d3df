package sqlstore

import (
	"strings"
	"time"

	"github.com/orgd/orgd/internal/id"
)

// micros returns the stored form of a time: microseconds since 1970, 0 for none.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

// moment is the inverse of micros.
func moment(micros int64) time.Time {
	if micros == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micros).UTC()
}

// fold returns the form of text that is compared without regard to case.
func fold(s string) string { return strings.ToLower(s) }

func joinPath(path []id.Organization) string {
	var b strings.Builder
	for i, o := range path {
		if i > 0 {
			b.WriteByte('/')
		}
		b.WriteString(string(o))
	}
	return b.String()
}

// splitPath is the inverse of joinPath.
func splitPath(s string) []id.Organization {
	if s == "" {
		return nil
	}
	path := make([]id.Organization, 0, strings.Count(s, "/")+1)
	for {
		o, rest, more := strings.Cut(s, "/")
		path = append(path, id.Organization(o))
		if !more {
			return path
		}
		s = rest
	}
}

// orNull returns the parameter for a reference that may be absent.
func orNull[T ~string](s T) any {
	if s == "" {
		return nil
	}
	return string(s)
}
