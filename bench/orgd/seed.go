package orgd

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

const (
	seedWorkers  = 8
	firstLevel   = 15 // sub-organizations of the root
	secondLevel  = 25 // sub-organizations of each of those
	grantedFrom  = 7  // of the first level, to the limited user: together they hold 2,000 of 10,000
	grantedTo    = 10
	limitedEmail = "limited@example.com"
	apiPath      = "/client/v4"
)

// Size is how much to load. Organizations counts the root.
type Size struct {
	Organizations int
	Accounts      int
}

// Data is what was loaded: one root, three levels below it.
type Data struct {
	Organizations []string // ids, parents before children
	Accounts      []string
	FirstLevel    []string
	Limited       int // organizations that a user with three grants on the first level sees, the root aside
}

// node is an organization to be made.
type node struct {
	name   string
	parent int // index, -1 for the root
	level  int
}

// plan lays the tree out: the root, 15 below it, 25 below each of those, the others spread evenly below the 375.
func plan(size Size) []node {
	nodes := []node{{name: "Organization 00000", parent: -1}}
	add := func(parent, level int) int {
		nodes = append(nodes, node{name: fmt.Sprintf("Organization %05d", len(nodes)), parent: parent, level: level})
		return len(nodes) - 1
	}
	var first []int
	for range min(firstLevel, size.Organizations-1) {
		first = append(first, add(0, 1))
	}
	var second []int
	for range secondLevel {
		for _, parent := range first {
			if len(nodes) < size.Organizations {
				second = append(second, add(parent, 2))
			}
		}
	}
	for i := 0; len(nodes) < size.Organizations; i++ {
		add(second[i%len(second)], 3)
	}
	return nodes
}

// Load fills the server through its API and returns what it made.
func Load(ctx context.Context, c *Client, size Size) (Data, error) {
	nodes := plan(size)
	ids := make([]string, len(nodes))
	for level := range 4 {
		var of []int
		for i, n := range nodes {
			if n.level == level {
				of = append(of, i)
			}
		}
		err := parallel(ctx, len(of), func(i int) error { return c.addOrganization(ctx, nodes, ids, of[i]) })
		if err != nil {
			return Data{}, fmt.Errorf("load level %d: %w", level, err)
		}
	}
	accounts := make([]string, size.Accounts)
	err := parallel(ctx, size.Accounts, func(i int) error {
		var err error
		accounts[i], err = c.addAccount(ctx, ids[i%len(ids)], i)
		return err
	})
	if err != nil {
		return Data{}, fmt.Errorf("load accounts: %w", err)
	}
	d := data(nodes, ids)
	d.Accounts = accounts
	return d, nil
}

func data(nodes []node, ids []string) Data {
	d := Data{Organizations: ids}
	branch := make([]int, len(nodes))
	for i, n := range nodes {
		switch n.level {
		case 0:
			branch[i] = -1
		case 1:
			branch[i] = len(d.FirstLevel)
			d.FirstLevel = append(d.FirstLevel, ids[i])
		default:
			branch[i] = branch[n.parent]
		}
		if branch[i] >= grantedFrom && branch[i] < grantedTo {
			d.Limited++
		}
	}
	return d
}

func (c *Client) addOrganization(ctx context.Context, nodes []node, ids []string, i int) error {
	body := map[string]any{"name": nodes[i].name, "profile": map[string]string{
		"business_address":  "1 Example Street, Springfield",
		"business_email":    fmt.Sprintf("b%05d@example.com", i),
		"business_name":     fmt.Sprintf("Business %05d", i),
		"business_phone":    "+1 555 0100",
		"external_metadata": "",
	}}
	if p := nodes[i].parent; p >= 0 {
		body["parent"] = map[string]string{"id": ids[p]}
	}
	var made struct {
		ID string `json:"id"`
	}
	if err := c.Post(ctx, apiPath+"/organizations", body, &made); err != nil {
		return err
	}
	ids[i] = made.ID
	return nil
}

func (c *Client) addAccount(ctx context.Context, organization string, i int) (string, error) {
	body := map[string]any{"name": fmt.Sprintf("Account %05d", i), "type": "standard", "unit": map[string]string{"id": organization}}
	var made struct {
		ID string `json:"id"`
	}
	err := c.Post(ctx, apiPath+"/accounts", body, &made)
	return made.ID, err
}

// AddLimited makes a user that is a member of three organizations of the first level.
func AddLimited(ctx context.Context, c *Client, d Data) (email string, err error) {
	if err := c.Post(ctx, "/orgd/v1/users", map[string]string{"email": limitedEmail}, nil); err != nil {
		return "", err
	}
	for _, id := range d.FirstLevel[grantedFrom:grantedTo] {
		member := map[string]any{"member": map[string]any{"user": map[string]string{"email": limitedEmail}, "status": "active"}}
		if err := c.Post(ctx, apiPath+"/organizations/"+id+"/members", member, nil); err != nil {
			return "", err
		}
	}
	return limitedEmail, nil
}

// parallel calls do for 0 to n-1 on a few goroutines and stops at the first error.
func parallel(ctx context.Context, n int, do func(i int) error) error {
	var next atomic.Int64
	errs := make([]error, seedWorkers)
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for w := range errs {
		wg.Go(func() {
			for i := int(next.Add(1) - 1); i < n && ctx.Err() == nil; i = int(next.Add(1) - 1) {
				if errs[w] = do(i); errs[w] != nil {
					cancel()
					return
				}
			}
		})
	}
	wg.Wait()
	return errors.Join(errs...)
}
