package stream_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
)

// signature returns the Authorization header that a request to S3 must have,
// worked out anew from the headers that it names as signed: version 4, as the
// documentation of S3 describes it.
func signature(r *http.Request, secret, region string) string {
	_, named, _ := strings.Cut(r.Header.Get("Authorization"), "SignedHeaders=")
	named, _, _ = strings.Cut(named, ",")
	canonical := []string{r.Method, r.URL.EscapedPath(), r.URL.RawQuery}
	for name := range strings.SplitSeq(named, ";") {
		value := r.Header.Get(name)
		switch name {
		case "host":
			value = r.Host
		case "content-length":
			value = r.Header.Get("Content-Length")
		}
		canonical = append(canonical, name+":"+strings.TrimSpace(value))
	}
	canonical = append(canonical, "", named, r.Header.Get("X-Amz-Content-Sha256"))
	day := r.Header.Get("X-Amz-Date")[:8]
	scope := strings.Join([]string{day, region, "s3", "aws4_request"}, "/")
	hashed := sha256.Sum256([]byte(strings.Join(canonical, "\n")))
	text := strings.Join([]string{"AWS4-HMAC-SHA256", r.Header.Get("X-Amz-Date"), scope, hex.EncodeToString(hashed[:])}, "\n")
	key := []byte("AWS4" + secret)
	for _, part := range append(strings.Split(scope, "/"), text) {
		h := hmac.New(sha256.New, key)
		h.Write([]byte(part))
		key = h.Sum(nil)
	}
	return "AWS4-HMAC-SHA256 Credential=AKID/" + scope + ",SignedHeaders=" + named + ",Signature=" + hex.EncodeToString(key)
}
