package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/id"
	"github.com/orgd/orgd/internal/org"
)

// Answer implements org.IdempotencyTx.
func (t *tx) Answer(ctx context.Context, u id.User, key string) (org.Answer, error) {
	const answerSQL = `SELECT fingerprint, status, body, created_at FROM idempotency_answers WHERE user_id = $1 AND key = $2`
	var a org.Answer
	var created int64
	err := t.one(ctx, "answer", answerSQL, []any{string(u), key}, &a.Fingerprint, &a.Status, &a.Body, &created)
	a.Created = moment(created)
	if len(a.Body) == 0 {
		a.Body = nil
	}
	return a, err
}

var putAnswer = &part{name: "answer", text: `INSERT INTO idempotency_answers (user_id, key, fingerprint, status, body, created_at)
	VALUES ($1, $2, $3, $4, $5, $6)`}

// PutAnswer implements org.IdempotencyTx.
func (t *tx) PutAnswer(ctx context.Context, u id.User, key string, a org.Answer) error {
	return t.join(ctx, bound{putAnswer, []any{string(u), key, a.Fingerprint, a.Status, bytesOf(a.Body), micros(a.Created)}})
}

// DropAnswers implements org.IdempotencyTx.
func (t *tx) DropAnswers(ctx context.Context, before time.Time) error {
	const dropAnswersSQL = `DELETE FROM idempotency_answers WHERE created_at < $1`
	return t.exec(ctx, dropAnswersSQL, micros(before))
}
