// Package gosdk holds the tests that run cloudflare-go, unmodified, against a
// live orgd: every method that it has for the routes of ../routes.txt.
//
// Every answer goes through a middleware that checks what holds for all of
// them (envelope, headers) and decodes the body once more into the SDK's own
// envelope type, so that a required field which is missing, null or of another
// type, an unknown enum value, or a key that the SDK does not know and that is
// not one of orgd's declared extra keys fails the test that made the call.
package gosdk
