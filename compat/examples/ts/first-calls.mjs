// The first five calls with cloudflare-typescript (npm install cloudflare). The
// client reads CLOUDFLARE_BASE_URL and CLOUDFLARE_API_TOKEN.
import Cloudflare from 'cloudflare';

const client = new Cloudflare();

// 1. Is the token good?
const token = await client.user.tokens.verify();
console.log('token', token.id, token.status);

// 2. Which organizations can it see?
const roots = await client.organizations.list({ parent: { id: 'null' } });
const [parent] = roots.result;
console.log('organization', parent.id, parent.name);

// 3. Create a sub-organization.
const team = await client.organizations.create({ name: 'Team North', parent: { id: parent.id } });
console.log('sub-organization', team.id, 'in', team.parent.name);

// 4. Create an account in it.
const account = await client.accounts.create({ name: 'Web shop', unit: { id: team.id } });
console.log('account', account.id, 'in', account.managed_by.parent_org_name);

// 5. Read its accounts. The SDK has no method of its own for this one.
const { result } = await client.get(`/organizations/${team.id}/accounts`);
for (const { id, name } of result) console.log('-', id, name);
