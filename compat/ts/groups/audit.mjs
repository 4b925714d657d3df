import assert from 'node:assert/strict';
import { client } from '../lib/client.mjs';
import { all, refused } from '../lib/expect.mjs';
import { call, unique } from '../lib/server.mjs';
import { nowhere } from './organizations.mjs';

const day = (offset) => new Date(Date.now() + offset * 86_400_000).toISOString().slice(0, 10);

/** From yesterday to the day after tomorrow: the log can be followed. */
const span = () => ({ since: day(-1), before: day(2) });

async function renamed(c, times) {
  const { id } = await c.organizations.create({ name: `Audit ${unique()}` });
  for (let i = 0; i < times; i++) await c.organizations.update(id, { name: `Audit ${i}` });
  return id;
}

export async function list() {
  const c = client();
  const id = await renamed(c, 2);
  const types = async (query) => (await c.organizations.logs.audit.list(id, { ...span(), ...query })).result.map((r) => r.action.type);
  assert.deepEqual(await types({}), ['update', 'update', 'create']);
  assert.deepEqual(await types({ direction: 'asc' }), ['create', 'update', 'update']);
  assert.deepEqual(await types({ action_type: { not: ['update', 'view'] } }), ['create']);
  assert.deepEqual(await types({ raw_status_code: { not: [200] } }), []);
  assert.deepEqual(await types({ since: day(2) }), []);
  assert.deepEqual(await types({ since: new Date(Date.now() - 3_600_000).toISOString(), limit: 1 }), ['update']);
  const [entry] = (await c.organizations.logs.audit.list(id, { ...span(), limit: 1 })).result;
  assert.deepEqual(await types({ id: { not: [entry.id] } }), ['update', 'create']);
  assert.equal(entry.organization.id, id);
  assert.equal(entry.resource.before.name, 'Audit 0');
  assert.equal(entry.resource.after.name, 'Audit 1');
  await refused(c.organizations.logs.audit.list(nowhere, span()), 'notFound');
  await refused(c.organizations.logs.audit.list(id, { ...span(), cursor: 'cursor' }), 'badRequest', { code: 1001, pointer: 'cursor' });
  await refused(c.organizations.logs.audit.list(id, { ...span(), limit: 1001 }), 'badRequest', { code: 1001, pointer: 'limit' });
}

/** The SDK's own paging gives each record once, and ends, while four writers add to the log. */
export async function paging() {
  const c = client();
  const id = await renamed(c, 20);
  const writer = async (w) => {
    for (let i = 0; i < 10; i++) await c.organizations.update(id, { name: `Audit ${w} ${i}` });
  };
  const writing = Promise.all([0, 1, 2, 3].map(writer));
  const walk = async (direction, limit) => {
    const records = await all(c.organizations.logs.audit.list(id, { ...span(), direction, limit }));
    assert.equal(new Set(records.map((r) => r.id)).size, records.length, `a record comes twice, ${direction} by ${limit}`);
    return records.length;
  };
  for (const limit of [1, 3, 7, 1000]) {
    for (const direction of ['desc', 'asc']) assert.ok((await walk(direction, limit)) >= 21);
  }
  await writing;
  assert.equal(await walk('desc', 9), 61);
  assert.equal(await walk('asc', 9), 61);
}

export async function history() {
  const c = client();
  const id = await renamed(c, 2);
  const [entry] = (await c.organizations.logs.audit.list(id, span())).result;
  const query = { ...span(), organization_id: id, action_time: entry.action.time };
  const found = await c.organizations.logs.audit.history(entry.id, query);
  assert.deepEqual(found.map((r) => r.action.type), ['update', 'update', 'create']);
  await refused(c.organizations.logs.audit.history(nowhere, query), 'notFound');
}

/** The logs of a tree as one, and a resource that has records in two of them. */
export async function descendants() {
  const c = client();
  const id = await renamed(c, 1);
  const child = await c.organizations.create({ name: `Child ${unique()}`, parent: { id } });
  await c.organizations.update(child.id, { name: 'Grown up' });
  const query = { ...span(), include_descendants: true };
  const records = await all(c.organizations.logs.audit.list(id, { ...query, limit: 1 }));
  assert.deepEqual(records.map((r) => r.organization.id), [child.id, id, id, id]);
  assert.deepEqual(await all(c.organizations.logs.audit.list(id, { ...query, limit: 3, direction: 'asc' })), records.toReversed());
  const [{ id: entry, action }] = records;
  const history = (q) => c.organizations.logs.audit.history(entry, { ...q, organization_id: id, action_time: action.time });
  assert.deepEqual((await history(query)).map((r) => r.organization.id), [child.id, id]);
  await refused(history(span()), 'notFound');
}

/** The SDK's own paging gives each of ten thousand records once, by a hundred, while four writers add to the log. */
export async function walk() {
  const c = client();
  const id = await renamed(c, 0);
  for (let n = 0; n < 10_000; n += 1000) {
    const batch = Array.from({ length: 1000 }, (_, i) => ({
      id: `walk-${n + i}`,
      source: 'compat',
      time: new Date().toISOString(),
      action: { type: 'update', result: 'success' },
      actor: { type: 'external_system' },
      resource: { product: 'walk' },
    }));
    await call('POST', `/organizations/${id}/audit`, batch);
  }
  const writer = async (w) => {
    for (let i = 0; i < 50; i++) {
      await c.organizations.update(id, { name: `Writer ${w} ${i}` });
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  for (const include_descendants of [false, true]) {
    for (const direction of ['desc', 'asc']) {
      const writing = Promise.all([0, 1, 2, 3].map(writer));
      const records = await all(c.organizations.logs.audit.list(id, { ...span(), direction, limit: 100, include_descendants }));
      assert.equal(new Set(records.map((r) => r.id)).size, records.length, `a record comes twice, ${direction}`);
      assert.equal(records.filter((r) => r.resource.product === 'walk').length, 10_000);
      await writing;
    }
  }
}

/** What happened to an account, in whichever log it is. */
export async function account() {
  const c = client();
  const root = await c.organizations.create({ name: `Account audit ${unique()}` });
  const { id: account_id, name } = await c.accounts.create({ name: `Audited ${unique()}`, unit: { id: root.id } });
  await call('POST', `/accounts/${account_id}/detach`);
  const audit = c.accounts.logs.audit;
  const records = await all(audit.list({ account_id, ...span(), limit: 1, direction: 'asc' }));
  assert.deepEqual(records.map((r) => r.action.description), ['Create Account', 'Detach Account', 'Detach Account']);
  for (const r of records) assert.deepEqual(r.account, { id: account_id, name });
  const filtered = await audit.list({ account_id, ...span(), product_category: ['ACCOUNTS'], action_type: { not: ['update'] }, zone_id: { not: ['x'] } });
  assert.deepEqual(filtered.result, [records[0]]);
  await refused(audit.list({ account_id, ...span(), product_category: ['nothing'] }), 'badRequest', { code: 1001, pointer: 'product_category' });
  const found = await audit.history(records[2].id, { account_id, ...span(), action_time: records[2].action.time });
  assert.deepEqual(found, records.toReversed());
  const categories = await all(audit.productCategories({ account_id }));
  assert.ok(categories.some(({ value, products }) => value === 'accounts' && products.some((p) => p.value === 'accounts')));
}
