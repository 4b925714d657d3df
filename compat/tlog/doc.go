// Package tlog holds the audit logs of orgd against a verifier of somebody
// else: the client of Tessera, which reads tiled logs.
package tlog
