package org

import (
	"context"
	"errors"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unicode/utf8"

	"github.com/orgd/orgd/internal/auth"
	"github.com/orgd/orgd/internal/fault"
	"github.com/orgd/orgd/internal/id"
)

// maxCallers bounds the cache of callers; a full cache starts afresh.
const maxCallers = 10_000

// callerCache keeps callers for callerLifetime, so that a burst of reads does
// not read the same rights again and again. Changes ask in their own
// transaction whether they are still current. A change of rights by this process drops the cache at
// once; one by another process shows within callerLifetime.
type callerCache struct {
	mu      sync.RWMutex
	callers map[CredentialRef]cachedCaller
}

type cachedCaller struct {
	caller *auth.Caller
	rights uint64 // of this process when it was read
	stored int64  // Rights of the store when it was read
	loaded time.Time
}

// current returns the caller if the store says that it is still what it was.
func (c *callerCache) current(ref CredentialRef, stored int64) *auth.Caller {
	c.mu.RLock()
	defer c.mu.RUnlock()
	if e, ok := c.callers[ref]; ok && e.stored == stored {
		return e.caller
	}
	return nil
}

func (c *callerCache) get(ref CredentialRef, rights uint64, now time.Time) *auth.Caller {
	c.mu.RLock()
	defer c.mu.RUnlock()
	e, ok := c.callers[ref]
	if !ok || e.rights != rights || now.Sub(e.loaded) >= callerLifetime || now.Before(e.loaded) {
		return nil
	}
	return e.caller
}

func (c *callerCache) put(ref CredentialRef, e cachedCaller) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.callers == nil || len(c.callers) >= maxCallers {
		c.callers = make(map[CredentialRef]cachedCaller)
	}
	c.callers[ref] = e
}

// usedTokens remembers when tokens were used until Housekeep writes it down.
type usedTokens struct {
	mu   sync.Mutex
	used map[id.Token]time.Time
}

func (u *usedTokens) mark(t id.Token, at time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.used == nil {
		u.used = make(map[id.Token]time.Time)
	}
	u.used[t] = at
}

func (u *usedTokens) take() map[id.Token]time.Time {
	u.mu.Lock()
	defer u.mu.Unlock()
	used := u.used
	u.used = nil
	return used
}

// Secrets are the credentials of a request as they arrived. Token wins over
// the pair of Email and Key.
type Secrets struct {
	Token string
	Email string
	Key   string
}

// Authenticate returns the caller that the secrets belong to. Unknown,
// expired and disabled credentials, and those used from an address that they
// forbid, are refused alike.
func (s *Service) Authenticate(ctx context.Context, secrets Secrets, ip netip.Addr) (*auth.Caller, error) {
	ref := CredentialRef{}
	switch {
	case secrets.Token != "":
		ref.TokenHash = auth.HashSecret(secrets.Token)
	case secrets.Key != "" && secrets.Email != "":
		if !utf8.ValidString(secrets.Email) || strings.IndexByte(secrets.Email, 0) >= 0 {
			return nil, badCredentials()
		}
		ref.KeyHash, ref.Email = auth.HashSecret(secrets.Key), strings.ToLower(secrets.Email)
	default:
		return nil, fault.New(fault.NoCredentials, "No credentials: send Authorization: Bearer <token>, or X-Auth-Email and X-Auth-Key")
	}
	now := s.now()
	rights := s.rights.Load()
	caller := s.callers.get(ref, rights, now)
	fresh := caller == nil
	if fresh {
		stored, err := s.Store.Rights(ctx)
		if err != nil {
			return nil, err
		}
		if caller, err = s.principal(ctx, s.Store, ref); err != nil {
			return nil, err
		}
		s.callers.put(ref, cachedCaller{caller: caller, rights: rights, stored: stored, loaded: now})
	}
	if !caller.Credential.Valid(now, ip) {
		return nil, badCredentials()
	}
	if fresh && caller.Credential.Token != "" {
		s.used.mark(caller.Credential.Token, now)
	}
	return caller, nil
}

func badCredentials() error {
	return fault.New(fault.BadCredentials, "Invalid API token")
}

// principal reads a caller and its rights.
func (s *Service) principal(ctx context.Context, r Reader, ref CredentialRef) (*auth.Caller, error) {
	p, err := r.Principal(ctx, ref)
	if errors.Is(err, fault.New(fault.NotFound, "")) {
		return nil, badCredentials()
	}
	if err != nil {
		return nil, err
	}
	c := &auth.Caller{User: authUser(p.User), Grants: p.Grants, Accounts: p.Accounts}
	if p.Token == nil {
		c.Credential = auth.Credential{Context: auth.ContextAPIKey, Unlimited: true, KeyHash: ref.KeyHash}
		return c, nil
	}
	c.Credential, err = credential(ctx, r, p.Token)
	c.Credential.TokenHash = ref.TokenHash
	return c, err
}

// refOf returns the credential that c was authenticated with.
func refOf(c *auth.Caller) CredentialRef {
	if c.Credential.TokenHash != "" {
		return CredentialRef{TokenHash: c.Credential.TokenHash}
	}
	return CredentialRef{KeyHash: c.Credential.KeyHash, Email: strings.ToLower(c.User.Email)}
}

func authUser(u User) auth.User {
	return auth.User{
		ID: u.ID, Email: u.Email, FirstName: u.FirstName, LastName: u.LastName,
		TwoFactor: u.TwoFactor, Administrator: u.Administrator,
	}
}
