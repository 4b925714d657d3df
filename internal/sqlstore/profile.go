package sqlstore

import (
	"context"
	"time"

	"github.com/orgd/orgd/internal/org"
)

// ownerID returns the identifier of an owner; identifiers of
// organizations and accounts are never the same.
func ownerID(o org.Owner) string {
	if o.Organization != "" {
		return string(o.Organization)
	}
	return string(o.Account)
}

// Profile implements org.ProfileReader.
func (r *reader) Profile(ctx context.Context, o org.Owner) (org.Profile, error) {
	const profileSQL = `SELECT business_address, business_email, business_name, business_phone, external_metadata
		FROM profiles WHERE owner_id = $1`
	var p org.Profile
	err := r.one(ctx, "profile", profileSQL, []any{ownerID(o)},
		&p.BusinessAddress, &p.BusinessEmail, &p.BusinessName, &p.BusinessPhone, &p.ExternalMetadata)
	return p, err
}

var putProfile = &part{name: "profile", text: `INSERT INTO profiles (owner_id, business_address, business_email, business_name,
	business_phone, external_metadata, echoed, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
	ON CONFLICT (owner_id) DO UPDATE SET business_address = excluded.business_address,
	business_email = excluded.business_email, business_name = excluded.business_name,
	business_phone = excluded.business_phone, external_metadata = excluded.external_metadata,
	echoed = excluded.echoed, updated_at = excluded.updated_at`}

// PutProfile implements org.ProfileTx.
func (t *tx) PutProfile(ctx context.Context, o org.Owner, p org.Profile, echoed bool, updated time.Time) error {
	return t.join(ctx, bound{putProfile, []any{
		ownerID(o), p.BusinessAddress, p.BusinessEmail, p.BusinessName, p.BusinessPhone, p.ExternalMetadata, echoed, micros(updated),
	}})
}

// DeleteProfile implements org.ProfileTx.
func (t *tx) DeleteProfile(ctx context.Context, o org.Owner) error {
	const deleteProfileSQL = `DELETE FROM profiles WHERE owner_id = $1`
	return t.exec(ctx, deleteProfileSQL, ownerID(o))
}
