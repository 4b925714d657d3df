package api

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"time"
)

// stream is an answer that is written while it is made, because it may be
// too large to be held. A failure before anything of it has left becomes an
// envelope. One that comes later cuts the connection off, so that nobody
// takes the part for the whole.
type stream struct {
	contentType string
	header      map[string]string
	write       func(context.Context, io.Writer) error
}

// listReply answers with a list in an envelope while its rows are made. Rows
// calls write with each of them, as JSON.
func listReply(rows func(ctx context.Context, write func(row []byte) error) error) reply {
	return reply{Stream: &stream{contentType: "application/json", write: func(ctx context.Context, w io.Writer) error {
		if _, err := io.WriteString(w, `{"success":true,"errors":[],"messages":[],"result":[`); err != nil {
			return err
		}
		separator := ""
		err := rows(ctx, func(row []byte) error {
			if _, err := io.WriteString(w, separator); err != nil {
				return err
			}
			separator = ","
			_, err := w.Write(row)
			return err
		})
		if err != nil {
			return err
		}
		_, err = io.WriteString(w, `]}`)
		return err
	}}}
}

// streamBuffer is how much is gathered before anything leaves.
const streamBuffer = 64 << 10

// streamWriter sends the header with the first bytes, and gives the client
// time anew for all that follow.
type streamWriter struct {
	http.ResponseWriter
	stream   *stream
	deadline func() time.Time
	begun    bool
	size     int
}

func (w *streamWriter) begin() {
	w.begun = true
	h := w.Header()
	h.Set("Content-Type", w.stream.contentType)
	for name, value := range w.stream.header {
		h.Set(name, value)
	}
	w.WriteHeader(http.StatusOK)
}

// Write implements io.Writer.
func (w *streamWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.begin()
	}
	if w.deadline != nil {
		// A writer without deadlines has none that could be missed.
		_ = http.NewResponseController(w.ResponseWriter).SetWriteDeadline(w.deadline())
	}
	n, err := w.ResponseWriter.Write(b)
	w.size += n
	return n, err
}

// serveStream answers with a stream and writes the line of the request.
func (s *Server) serveStream(w http.ResponseWriter, q *request, st *stream, start time.Time) {
	sw := &streamWriter{ResponseWriter: w, stream: st, deadline: s.WriteDeadline}
	err := s.runStream(sw, q)
	status, size := http.StatusOK, sw.size
	cut := err != nil && sw.begun
	if err != nil && !sw.begun {
		status, size = s.write(w, q, reply{}, err)
	}
	s.log(q, answered{status, size, start, s.Now()}, err)
	if cut {
		panic(http.ErrAbortHandler) // the way to close a connection without an end of the body
	}
}

func (s *Server) runStream(w *streamWriter, q *request) (err error) {
	defer recovered(&err)
	if q.Method == http.MethodHead {
		w.begin()
		return nil
	}
	// The time to send a request is over before a long answer is.
	_ = http.NewResponseController(w.ResponseWriter).SetReadDeadline(time.Time{})
	buffer := bufio.NewWriterSize(w, streamBuffer)
	if err := w.stream.write(q.Context(), buffer); err != nil {
		return err
	}
	return buffer.Flush()
}
