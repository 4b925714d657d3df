// Command pocketbase is the baseline of the SQLite lines: a PocketBase server with a collection of organizations
// that has our fields, our indexes and as many rows, readable and writable by any signed-in user.
//
// It is PocketBase's own server with its own defaults, except where a default would cost PocketBase speed that
// orgd does not pay: the per-request log into its second database is off.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"log"
	"net"
	"os"
	"time"

	"github.com/pocketbase/dbx"
	"github.com/pocketbase/pocketbase/apis"
	"github.com/pocketbase/pocketbase/core"
	_ "github.com/pocketbase/pocketbase/migrations" // PocketBase's own system tables
)

type options struct {
	dir         string
	ready       string
	synchronous string
	rows        int
	logs        bool
}

// Ready is what the ready file holds.
type Ready struct {
	Addr  string   `json:"addr"`
	Token string   `json:"token"`
	IDs   []string `json:"ids"`
}

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "", "data directory")
	flag.StringVar(&o.ready, "ready-file", "", "file to write once the server listens")
	flag.StringVar(&o.synchronous, "synchronous", "NORMAL", "SQLite synchronous setting")
	flag.IntVar(&o.rows, "rows", 10_000, "organizations to load")
	flag.BoolVar(&o.logs, "logs", false, "keep PocketBase's request log on")
	flag.Parse()
	if err := run(o); err != nil {
		log.Fatal(err)
	}
}

func run(o options) error {
	app := core.NewBaseApp(core.BaseAppConfig{DataDir: o.dir, DBConnect: o.connect})
	if err := app.Bootstrap(); err != nil {
		return fmt.Errorf("bootstrap: %w", err)
	}
	if err := app.RunAllMigrations(); err != nil {
		return fmt.Errorf("migrate: %w", err)
	}
	if !o.logs {
		app.Settings().Logs.MaxDays = 0
		if err := app.Save(app.Settings()); err != nil {
			return fmt.Errorf("save settings: %w", err)
		}
	}
	token, err := addUser(app)
	if err != nil {
		return fmt.Errorf("add the user: %w", err)
	}
	ids, err := load(app, o.rows)
	if err != nil {
		return fmt.Errorf("load: %w", err)
	}
	return serve(app, o.ready, Ready{Token: token, IDs: ids})
}

// connect is PocketBase's DefaultDBConnect with the synchronous setting made a choice.
func (o options) connect(path string) (*dbx.DB, error) {
	return dbx.Open("sqlite", path+"?_pragma=busy_timeout(10000)&_pragma=journal_mode(WAL)&_pragma=journal_size_limit(200000000)"+
		"&_pragma=synchronous("+o.synchronous+")&_pragma=foreign_keys(ON)&_pragma=temp_store(MEMORY)&_pragma=cache_size(-32000)")
}

func addUser(app core.App) (token string, err error) {
	users, err := app.FindCollectionByNameOrId("users")
	if err != nil {
		return "", err
	}
	user := core.NewRecord(users)
	user.SetEmail("reader@example.com")
	user.SetRandomPassword()
	if err := app.Save(user); err != nil {
		return "", err
	}
	return user.NewStaticAuthToken(24 * time.Hour)
}

func serve(app core.App, path string, ready Ready) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return fmt.Errorf("listen: %w", err)
	}
	ready.Addr = listener.Addr().String()
	app.OnServe().BindFunc(func(e *core.ServeEvent) error {
		e.InstallerFunc = nil
		e.Listener = listener
		if err := e.Next(); err != nil {
			return err
		}
		return publish(path, ready)
	})
	return apis.Serve(app, apis.ServeConfig{HttpAddr: ready.Addr})
}

func publish(path string, ready Ready) error {
	text, err := json.Marshal(ready)
	if err != nil {
		return fmt.Errorf("encode the ready file: %w", err)
	}
	if err := os.WriteFile(path+".part", text, 0o600); err != nil {
		return fmt.Errorf("write the ready file: %w", err)
	}
	return os.Rename(path+".part", path)
}
