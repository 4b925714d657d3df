//go:build race

package storetest

// manyRecords is how many records the large log has. The race detector makes
// SQLite 25 times slower; scripts/check runs the case without it.
const manyRecords = 10_000
