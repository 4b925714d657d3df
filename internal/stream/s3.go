package stream

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/url"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// sendS3 puts a batch into a bucket, as one object whose name says what is in
// it: a repeated attempt overwrites the object of the one before.
func (w *Worker) sendS3(ctx context.Context, b *batch) error {
	t := b.stream.Target.S3
	endpoint, err := url.Parse(t.Endpoint)
	if err != nil {
		return fmt.Errorf("read the endpoint: %w", err)
	}
	if len(b.secrets) == 0 {
		return errSecret
	}
	o := &minio.Options{
		Creds: credentials.NewStaticV4(t.AccessKeyID, b.secrets[0], ""), Secure: endpoint.Scheme == "https",
		Transport: w.client.Transport, Region: t.Region, MaxRetries: 1, BucketLookup: minio.BucketLookupDNS,
	}
	if t.PathStyle {
		o.BucketLookup = minio.BucketLookupPath
	}
	client, err := minio.NewCore(endpoint.Host, o)
	if err != nil {
		return fmt.Errorf("%w: %w", errEndpoint, err)
	}
	body, err := compress(b.lines())
	if err != nil {
		return err
	}
	sum := sha256.Sum256(body)
	_, err = client.PutObject(ctx, t.Bucket, objectName(b), bytes.NewReader(body), int64(len(body)), "", hex.EncodeToString(sum[:]),
		minio.PutObjectOptions{
			ContentType: "application/gzip", DisableMultipart: true,
			DisableContentSha256: true, // not in chunks: the hash of the whole is signed
		})
	return err
}

// objectName returns the name of the object of a batch. Names sort as the
// records do.
func objectName(b *batch) string {
	return fmt.Sprintf("%s%s/%020d-%020d.ndjson.gz", b.stream.Target.S3.Prefix, b.stream.Log, b.from, b.to)
}

// compress returns the same bytes for the same text.
func compress(text []byte) ([]byte, error) {
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(text); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	if err := z.Close(); err != nil {
		return nil, fmt.Errorf("compress: %w", err)
	}
	return out.Bytes(), nil
}
