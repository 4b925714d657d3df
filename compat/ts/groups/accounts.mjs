import assert from 'node:assert/strict';
import { as, client } from '../lib/client.mjs';
import { all, names, refused } from '../lib/expect.mjs';
import { call, newUser, unique } from '../lib/server.mjs';
import { join, nowhere } from './organizations.mjs';

export async function lifecycle() {
  const c = client();
  const name = `Account ${unique()}`;
  const account = await c.accounts.create({ name });
  assert.equal(account.name, name);
  assert.equal(account.type, 'standard');
  assert.equal(account.managed_by, undefined);
  assert.deepEqual(await c.accounts.get({ account_id: account.id }), account);

  const unit = await c.organizations.create({ name: `Unit ${unique()}` });
  const key = unique();
  const inside = await c.accounts.create({ name, type: 'enterprise', unit: { id: unit.id }, 'Idempotency-Key': key });
  assert.equal(inside.type, 'enterprise');
  assert.deepEqual(inside.managed_by, { parent_org_id: unit.id, parent_org_name: unit.name });
  assert.deepEqual(await c.accounts.create({ name, type: 'enterprise', unit: { id: unit.id }, 'Idempotency-Key': key }), inside);

  const update = (body) => c.accounts.update({ account_id: account.id, id: account.id, type: 'standard', ...body });
  const settings = { abuse_contact_email: 'abuse@example.com', enforce_twofactor: true };
  assert.deepEqual(await update({ name: `${name} II`, settings }), { ...account, name: `${name} II`, settings });
  assert.deepEqual(await update({ name }), { ...account, settings });

  for (const id of [account.id, inside.id]) {
    assert.deepEqual(await c.accounts.delete({ account_id: id }), { id });
    await refused(c.accounts.get({ account_id: id }), 'notFound');
  }
}

export async function pages() {
  const admin = client();
  const root = await admin.organizations.create({ name: `Account pages ${unique()}` });
  const viewer = await newUser('Viewer');
  await join(admin, root.id, viewer.email, 'organization_read_only');
  const want = [];
  for (let i = 0; i < 12; i++) want.push((await admin.accounts.create({ name: `account ${i}`, unit: { id: root.id } })).name);

  const c = as(viewer);
  const first = await c.accounts.list();
  assert.deepEqual(names(first.result), want);
  assert.equal(first.result_info.page, 1);
  assert.equal(first.result_info.per_page, 20);
  assert.deepEqual(names(await all(c.accounts.list({ per_page: 5 }))), want);
  assert.deepEqual(names((await c.accounts.list({ page: 3, per_page: 5 })).result), want.slice(10));
  const beyond = await c.accounts.list({ page: 9, per_page: 5 });
  assert.deepEqual(beyond.result, []);
  assert.equal(beyond.result_info.page, 9);
  assert.deepEqual(names((await c.accounts.list({ direction: 'desc' })).result), want.toReversed());
  assert.deepEqual(names((await c.accounts.list({ name: 'ACCOUNT 3' })).result), ['account 3']);
  await refused(c.accounts.list({ per_page: 4 }), 'badRequest', { code: 1001, pointer: 'per_page' });
  await refused(c.accounts.list({ direction: 'up' }), 'badRequest', { code: 1001, pointer: 'direction' });
}

export async function errors() {
  const c = client();
  await refused(c.accounts.create({}), 'badRequest', { code: 1001, pointer: '/name' });
  await refused(c.accounts.create({ name: 'x', type: 'huge' }), 'badRequest', { code: 1001, pointer: '/type' });
  await refused(c.accounts.create({ name: 'x', unit: { id: nowhere } }), 'notFound', { pointer: '/unit/id' });
  await refused(c.accounts.get({ account_id: nowhere }), 'notFound');
  await refused(c.accounts.delete({ account_id: nowhere }), 'notFound');
  await refused(c.accounts.update({ account_id: nowhere, id: nowhere, name: 'x', type: 'standard' }), 'notFound');

  const root = await c.organizations.create({ name: `Account errors ${unique()}` });
  const account = await c.accounts.create({ name: 'guarded', unit: { id: root.id } });
  const reader = await newUser('Reader');
  await join(c, root.id, reader.email, 'organization_read_only');
  const limited = as(reader).accounts;
  const denied = (permission) => ({ message: `Forbidden: needs ${permission}` });
  await refused(limited.create({ name: 'x', unit: { id: root.id } }), 'permissionDenied', denied('account.create'));
  await refused(limited.update({ account_id: account.id, id: account.id, name: 'x', type: 'standard' }), 'permissionDenied', denied('account.update'));
  await refused(limited.delete({ account_id: account.id }), 'permissionDenied', denied('account.delete'));
}

/** Makes a user who was given accounts, and nothing else. */
export async function given(...accounts) {
  const owner = await newUser('Owner');
  for (const name of accounts) {
    const { id } = await client().accounts.create({ name });
    await call('POST', `/accounts/${id}/members`, { email: owner.email, role: 'account_super_administrator' });
  }
  return owner;
}

export async function memberships() {
  const want = ['mine 0', 'mine 1', 'mine 2', 'mine 3', 'mine 4', 'mine 5'];
  const c = as(await given(...want));
  const accounts = (list) => list.map((membership) => membership.account.name);
  const { result } = await c.memberships.list();
  assert.deepEqual(accounts(result), want);
  assert.deepEqual(result[0].roles, ['account_super_administrator']);
  assert.equal(result[0].status, 'accepted');
  assert.deepEqual(accounts(await all(c.memberships.list({ per_page: 5 }))), want);
  for (const [query, expected] of [
    [{ account: { name: 'mine 2' } }, ['mine 2']],
    [{ name: 'mine 4' }, ['mine 4']],
    [{ status: 'accepted' }, want],
    [{ status: 'pending' }, []],
    [{ order: 'account.name', direction: 'desc' }, want.toReversed()],
  ]) {
    assert.deepEqual(accounts((await c.memberships.list(query)).result), expected, JSON.stringify(query));
  }
  await refused(c.memberships.list({ order: 'size' }), 'badRequest', { code: 1001, pointer: 'order' });
}

export async function userOrganizations() {
  const want = ['given 0', 'given 1', 'given 2', 'given 3', 'given 4', 'given 5'];
  const c = as(await given(...want));
  const { result } = await c.user.organizations.list();
  assert.deepEqual(names(result), want);
  assert.ok(result.every(({ status }) => status === 'member'));
  assert.deepEqual(names(await all(c.user.organizations.list({ per_page: 5 }))), want);
  for (const [query, expected] of [
    [{ name: 'given 3' }, ['given 3']],
    [{ status: 'invited' }, []],
    [{ name: 'given 3', status: 'invited', match: 'any' }, ['given 3']],
    [{ name: 'given 3', status: 'invited', match: 'all' }, []],
    [{ order: 'name', direction: 'desc' }, want.toReversed()],
  ]) {
    assert.deepEqual(names((await c.user.organizations.list(query)).result), expected, JSON.stringify(query));
  }
}
