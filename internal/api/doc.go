// Package api is the wire: routes, bodies, envelope, status codes. It turns
// requests into calls of package org and results into the bytes that
// Cloudflare's official clients expect. JSON tags exist only here.
package api
