package org

// AuditSettings say how long the records of a log are kept. Under legal hold
// none is removed, whatever its age, and no personal data is erased from them.
type AuditSettings struct {
	RetentionMonths int64
	LegalHold       bool
}
