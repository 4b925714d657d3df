package storetest

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/org"
)

func idempotencyCases() []testCase {
	return []testCase{
		{"an answer is read back as it was written", readsAnswer},
		{"a key belongs to its user", answerAbsent},
		{"of two with the same key one finds the other's answer", answersOnce},
		{"old answers are dropped", dropsAnswers},
	}
}

func (w *world) answer(user org.User, key string) (org.Answer, error) {
	var a org.Answer
	err := w.store.Update(w.Context(), func(tx org.Tx) error {
		var err error
		a, err = tx.Answer(w.Context(), user.ID, key)
		return err
	})
	return a, err
}

func (w *world) putAnswer(user org.User, key string, a org.Answer) {
	w.Helper()
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.PutAnswer(ctx, user.ID, key, a) })
}

func readsAnswer(w *world) {
	for key, a := range map[string]org.Answer{
		"full":  {Fingerprint: "f", Status: 201, Body: []byte("\x00\xff{}"), Created: w.now()},
		"empty": {Status: 204, Created: w.now()},
	} {
		w.putAnswer(w.admin, key, a)
		found(w, key, a)(w.answer(w.admin, key))
	}
}

func answerAbsent(w *world) {
	u := w.user("u@example.com")
	w.putAnswer(w.admin, "key", org.Answer{Body: []byte("mine")})
	absent[org.Answer](w, "another user's")(w.answer(u, "key"))
	absent[org.Answer](w, "another key")(w.answer(w.admin, "other"))
	w.putAnswer(u, "key", org.Answer{Body: []byte("theirs")})
	found(w, "mine", org.Answer{Body: []byte("mine")})(w.answer(w.admin, "key"))
}

func answersOnce(w *world) {
	var wg sync.WaitGroup
	var wrote atomic.Int64
	for range 6 {
		wg.Go(func() {
			mine := false
			err := w.store.Update(w.Context(), func(tx org.Tx) error {
				mine = false
				_, err := tx.Answer(w.Context(), w.admin.ID, "key")
				if err == nil {
					return nil
				}
				if !errors.Is(err, fault.New(fault.NotFound, "")) {
					return err
				}
				mine = true
				return tx.PutAnswer(w.Context(), w.admin.ID, "key", org.Answer{Status: 200, Created: w.now()})
			})
			if err != nil {
				w.Error(err)
			} else if mine {
				wrote.Add(1)
			}
		})
	}
	wg.Wait()
	want(w, "answers written", wrote.Load(), 1)
}

func dropsAnswers(w *world) {
	old, fresh := w.now(), w.now()
	w.putAnswer(w.admin, "old", org.Answer{Created: old})
	w.putAnswer(w.admin, "fresh", org.Answer{Created: fresh})
	w.update(func(ctx context.Context, tx org.Tx) error { return tx.DropAnswers(ctx, old.Add(time.Microsecond)) })
	absent[org.Answer](w, "old")(w.answer(w.admin, "old"))
	found(w, "fresh", org.Answer{Created: fresh})(w.answer(w.admin, "fresh"))
}
