//go:build !race

package storetest

// manyRecords is how many records the large log has.
const manyRecords = 100_000
