import assert from 'node:assert/strict';
import { as, bare, client } from '../lib/client.mjs';
import { all, ids, names, refused } from '../lib/expect.mjs';
import { call, newUser, server, unique } from '../lib/server.mjs';
import { join, nowhere } from './organizations.mjs';

const invalid = { code: 9109, message: 'Invalid API token' };

export async function user() {
  const me = await client().user.get();
  assert.equal(me.email, server.email);
  const ada = await newUser('Ada Lovelace');
  const them = await as(ada).user.get();
  assert.deepEqual([them.id, them.email, them.first_name, them.last_name], [ada.id, ada.email, 'Ada', 'Lovelace']);

  const root = await client().organizations.create({ name: `Tenant ${unique()}` });
  const child = await client().organizations.create({ name: 'child', parent: { id: root.id } });
  assert.deepEqual(await all(as(ada).user.tenants.list()), []);
  await join(client(), child.id, ada.email, 'organization_read_only');
  assert.deepEqual(ids(await all(as(ada).user.tenants.list())), [child.id]);
}

const everywhere = { 'com.cloudflare.api.organization.*': '*', 'com.cloudflare.api.account.*': '*' };

/** A policy that allows the named permission groups on the resources. */
async function policy(c, resources, ...groups) {
  const permission_groups = [];
  for (const name of groups) {
    const { result } = await c.user.tokens.permissionGroups.list({ name });
    assert.deepEqual(names(result), [name]);
    permission_groups.push({ id: result[0].id });
  }
  return { effect: 'allow', permission_groups, resources };
}

export async function tokens() {
  const c = as(await newUser('Token Owner'));
  const expires_on = new Date(Date.now() + 3_600_000).toISOString().replace(/\.\d+/, '');
  const condition = { request_ip: { in: ['127.0.0.0/8', '::1/128'], not_in: ['10.0.0.0/8'] } };
  const policies = [await policy(c, everywhere, 'Organizations Read', 'Account Settings Read')];
  const { value, ...token } = await c.user.tokens.create({ name: 'first', policies, expires_on, condition });
  assert.equal(token.status, 'active');
  assert.equal(token.expires_on, expires_on);
  assert.deepEqual(token.condition, condition);
  assert.deepEqual(token.policies[0].resources, everywhere);
  assert.deepEqual(names(token.policies[0].permission_groups), ['Organizations Read', 'Account Settings Read']);
  const read = await c.user.tokens.get(token.id);
  assert.deepEqual({ ...read, last_used_on: undefined }, { ...token, last_used_on: undefined });

  const verify = (apiToken) => bare({ apiToken }).user.tokens.verify();
  assert.deepEqual(await verify(value), { id: token.id, status: 'active', expires_on });
  const rolled = await c.user.tokens.value.update(token.id);
  await refused(verify(value), 'authentication', invalid);
  assert.equal((await verify(rolled)).id, token.id);

  const disabled = await c.user.tokens.update(token.id, { name: 'second', policies, status: 'disabled' });
  assert.deepEqual([disabled.name, disabled.status, disabled.condition, disabled.expires_on], ['second', 'disabled', undefined, undefined]);
  await refused(verify(rolled), 'authentication', invalid);
  assert.deepEqual(await c.user.tokens.delete(token.id), { id: token.id });
  for (const gone of [
    () => c.user.tokens.get(token.id),
    () => c.user.tokens.delete(token.id),
    () => c.user.tokens.value.update(token.id),
    () => c.user.tokens.update(token.id, { name: 'x', policies }),
    () => c.user.tokens.get(nowhere),
  ]) {
    await refused(gone(), 'notFound');
  }
}

export async function tokenPages() {
  const c = as(await newUser('Lister'));
  const policies = [await policy(c, everywhere, 'Organizations Read')];
  const want = [];
  for (let i = 0; i < 6; i++) want.push((await c.user.tokens.create({ name: `token ${i}`, policies })).name);
  assert.deepEqual(names((await c.user.tokens.list()).result), want);
  assert.deepEqual(names(await all(c.user.tokens.list({ per_page: 5, include_expired: true }))), want);
  assert.deepEqual(names((await c.user.tokens.list({ direction: 'desc' })).result), want.toReversed());
  await refused(c.user.tokens.list({ per_page: 51 }), 'badRequest', { code: 1001, pointer: 'per_page' });
  await refused(c.user.tokens.create({ name: 'x', policies: [] }), 'badRequest', { code: 1001, pointer: '/policies' });
  await refused(c.user.tokens.create({ name: 'x', policies: [{ ...policies[0], effect: 'perhaps' }] }), 'badRequest', {
    code: 1001,
    pointer: '/policies/0/effect',
  });
}

export async function permissionGroups() {
  const c = client();
  const everything = await all(c.user.tokens.permissionGroups.list());
  const users = await all(c.user.tokens.permissionGroups.list({ scope: 'com.cloudflare.api.user' }));
  assert.ok(users.length > 0 && users.length < everything.length);
  assert.deepEqual(users, everything.filter(({ scopes }) => scopes.includes('com.cloudflare.api.user')));
}

export async function limits() {
  const admin = client();
  const root = await admin.organizations.create({ name: `Limits ${unique()}` });
  const inside = await admin.organizations.create({ name: 'inside', parent: { id: root.id } });
  const outside = await admin.organizations.create({ name: 'outside', parent: { id: root.id } });
  const account = await admin.accounts.create({ name: 'account', unit: { id: inside.id } });
  const owner = await newUser('Limited');
  await join(admin, root.id, owner.email, 'organization_administrator');
  const limited = async (resources, ...groups) => {
    const c = as(owner);
    const { value } = await c.user.tokens.create({ name: 'limited', policies: [await policy(c, resources, ...groups)] });
    return bare({ apiToken: value });
  };

  const reader = await limited({ [`com.cloudflare.api.organization.${inside.id}`]: '*' }, 'Organizations Read');
  assert.equal((await reader.organizations.get(inside.id)).name, 'inside');
  await refused(reader.organizations.get(outside.id), 'notFound');
  await refused(reader.organizations.update(inside.id, { name: 'x' }), 'permissionDenied', { message: 'Forbidden: needs organization.update' });

  const narrow = await limited({ [`com.cloudflare.api.account.${account.id}`]: '*' }, 'Account Settings Read');
  assert.equal((await narrow.accounts.get({ account_id: account.id })).name, 'account');
  assert.equal((await narrow.accounts.tokens.verify({ account_id: account.id })).status, 'active');
  await refused(narrow.accounts.tokens.verify({ account_id: nowhere }), 'notFound');
}

export async function credentials() {
  const key = { apiEmail: server.email, apiKey: server.api_key };
  for (const options of [
    { apiToken: server.token },
    key,
    { apiToken: server.token, ...key },
    { apiToken: server.token, ...key, apiKey: 'wrong' },
    { apiToken: server.token, apiKey: '', apiEmail: '' },
  ]) {
    const c = bare(options);
    assert.equal((await c.user.get()).email, server.email);
    assert.equal((await c.organizations.get(server.organization_id)).id, server.organization_id);
  }
  assert.equal((await client().user.tokens.verify()).status, 'active');

  // The SDK sends nothing only when told so.
  const nothing = { headers: { Authorization: null } };
  await refused(bare().user.get(nothing), 'authentication', { code: 9106 });
  await refused(bare().organizations.list({}, nothing), 'authentication', { code: 9106 });
  const wrong = bare({ apiToken: `orgd_${'0'.repeat(43)}` });
  await refused(wrong.organizations.list(), 'authentication', invalid);
  await refused(wrong.user.tokens.verify(), 'authentication', invalid);
  await refused(bare({ ...key, apiKey: 'wrong' }).user.get(), 'authentication', { code: 9109 });

  const gone = await newUser('Gone');
  await call('POST', `/users/${gone.id}/disable`);
  await refused(as(gone).user.get(), 'authentication', { code: 9109 });
}
