package proc

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
)

// tick is the unit of the times in /proc/PID/stat, the same on every Linux.
const tick = 10 * time.Millisecond

// The fields of /proc/PID/stat behind the name of the program.
const (
	fieldParent  = 1
	fieldUser    = 11 // then system, and both of the children that have ended
	fieldsNeeded = 15
)

// CPU is the processor time that the process has used.
func (p *Process) CPU() (time.Duration, error) {
	fields, err := stat(p.PID())
	if err != nil {
		return 0, fmt.Errorf("processor time of %s: %w", p.name, err)
	}
	return sum(fields[fieldUser : fieldUser+2])
}

// Tree is a process with its children, such as a PostgreSQL server.
type Tree struct{ root int }

// PostgresTree finds the server that answers at the address, which has to be of this machine.
func PostgresTree(ctx context.Context, address string) (Tree, error) {
	conn, err := pgx.Connect(ctx, address)
	if err != nil {
		return Tree{}, fmt.Errorf("connect to find the server: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	fields, err := stat(int(conn.PgConn().PID()))
	if err != nil {
		return Tree{}, fmt.Errorf("find the server: %w", err)
	}
	root, err := strconv.Atoi(fields[fieldParent])
	return Tree{root}, err
}

// CPU is the processor time that the root and its children have used, those included that have ended.
func (t Tree) CPU() (time.Duration, error) {
	fields, err := stat(t.root)
	if err != nil {
		return 0, fmt.Errorf("processor time of a server: %w", err)
	}
	total, err := sum(fields[fieldUser : fieldUser+4])
	if err != nil {
		return 0, err
	}
	all, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		return 0, fmt.Errorf("list the processes: %w", err)
	}
	for _, path := range all {
		pid, _ := strconv.Atoi(filepath.Base(path))
		fields, err := stat(pid)
		if err != nil || fields[fieldParent] != strconv.Itoa(t.root) {
			continue // it has ended, or is somebody else's
		}
		own, err := sum(fields[fieldUser : fieldUser+2])
		if err != nil {
			return 0, err
		}
		total += own
	}
	return total, nil
}

// stat returns the fields behind the name of the program, which may have any characters.
func stat(pid int) ([]string, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return nil, err
	}
	fields := strings.Fields(string(text[bytes.LastIndexByte(text, ')')+1:]))
	if len(fields) < fieldsNeeded {
		return nil, fmt.Errorf("stat of process %d: %q", pid, text)
	}
	return fields, nil
}

func sum(ticks []string) (time.Duration, error) {
	var total time.Duration
	for _, t := range ticks {
		n, err := strconv.ParseInt(t, 10, 64)
		if err != nil {
			return 0, fmt.Errorf("processor time %q: %w", t, err)
		}
		total += time.Duration(n) * tick
	}
	return total, nil
}
