package stream

import (
	"context"
	"fmt"

	"github.com/orgd/orgd/internal/org"
)

// serveNotice tries to deliver a notice once. What comes of it decides when it
// is due again.
func (w *Worker) serveNotice(attempts context.Context, h org.Holder, n *org.Notice) {
	o := w.attemptNotice(attempts, n)
	// What was acknowledged is written down even when the process stops.
	settling, done := context.WithTimeout(context.WithoutCancel(attempts), stopGrace)
	defer done()
	if err := w.Source.SettleNotice(settling, h, *n, o); err != nil {
		w.Logger.Warn("settle a notice", "budget", n.Budget, "crossing", n.ID, "err", err)
	}
}

func (w *Worker) attemptNotice(ctx context.Context, n *org.Notice) org.NoticeOutcome {
	ctx, cancel := context.WithTimeout(ctx, w.timeout)
	defer cancel()
	err := w.sendNotice(ctx, n)
	if err == nil {
		w.metrics.notices.WithLabelValues("delivered").Inc()
		return org.NoticeOutcome{}
	}
	why := describe(err)
	if gone(err) {
		w.metrics.notices.WithLabelValues("refused").Inc()
		w.Logger.Warn("gave a notice up", "budget", n.Budget, "crossing", n.ID, "reason", why)
		return org.NoticeOutcome{Error: why, Gone: true}
	}
	w.metrics.notices.WithLabelValues("failed").Inc()
	if n.Delivery.Failures == 0 { // the first of a row; its state tells the rest
		w.Logger.Warn("deliver a notice", "budget", n.Budget, "crossing", n.ID, "err", why)
	}
	return org.NoticeOutcome{Error: why, Wait: max(w.backOff(n.Delivery.Failures), retryAfter(err))}
}

// sendNotice posts a notice. Its id is that of the crossing, so that a
// receiver can tell a repetition.
func (w *Worker) sendNotice(ctx context.Context, n *org.Notice) error {
	secrets, err := w.Source.NoticeSecrets(*n)
	if err != nil {
		return fmt.Errorf("%w: %w", errSecret, err)
	}
	header := map[string]string{"Orgd-Budget": string(n.Budget)}
	if n.Owner.Account != "" {
		header["Orgd-Account"] = string(n.Owner.Account)
	} else {
		header["Orgd-Organization"] = string(n.Owner.Organization)
	}
	return w.post(ctx, &message{
		url: n.Webhook, id: "msg_" + string(n.ID), contentType: "application/json", header: header, body: n.Body, secrets: secrets,
	})
}
