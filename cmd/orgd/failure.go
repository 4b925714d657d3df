package main

import "errors"

// failure is an error with an exit code and a hint for whoever typed the
// command. It is printed on one line.
type failure struct {
	code int
	err  error
	hint string
}

// Error returns the message and the hint.
func (f *failure) Error() string {
	if f.hint == "" {
		return f.err.Error()
	}
	return f.err.Error() + " (" + f.hint + ")"
}

// Unwrap returns the cause.
func (f *failure) Unwrap() error { return f.err }

// usage says that the command was not given what it needs.
func usage(err error) error {
	return &failure{code: exitUsage, err: err, hint: "orgd --help lists the commands, orgd help config the options"}
}

// hinted adds a hint to a failure that has none yet.
func hinted(err error, hint string) error {
	if _, ok := errors.AsType[*failure](err); ok || err == nil {
		return err
	}
	return &failure{code: exitFailure, err: err, hint: hint}
}
