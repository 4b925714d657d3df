#!/usr/bin/env bash
# The first five calls with curl.
set -euo pipefail

: "${CLOUDFLARE_BASE_URL:?such as http://127.0.0.1:8787/client/v4}" "${CLOUDFLARE_API_TOKEN:?the token that orgd dev printed}"

api() { curl -fsS -H "Authorization: Bearer $CLOUDFLARE_API_TOKEN" "$CLOUDFLARE_BASE_URL$@"; }
id() { sed -E 's/.*"result":\{"id":"([0-9a-f]{32})".*/\1/'; }

# 1. Is the token good?
api /user/tokens/verify

# 2. Which organizations can it see?
organizations=$(api "/organizations?parent.id=null&page_size=1")
parent=$(sed -E 's/.*"result":\[\{"id":"([0-9a-f]{32})".*/\1/' <<<"$organizations")
echo "organization $parent"

# 3. Create a sub-organization.
team=$(api /organizations -d "{\"name\":\"Team North\",\"parent\":{\"id\":\"$parent\"}}" | id)
echo "sub-organization $team"

# 4. Create an account in it.
account=$(api /accounts -d "{\"name\":\"Web shop\",\"unit\":{\"id\":\"$team\"}}" | id)
echo "account $account"

# 5. Read its accounts.
api "/organizations/$team/accounts" | grep -F "$account"
