import assert from 'node:assert/strict';
import { as, client } from '../lib/client.mjs';
import { all, ids, names, refused } from '../lib/expect.mjs';
import { newUser, server, unique } from '../lib/server.mjs';

export const nowhere = '0190000000007000800000000000dead';

export const profile = (name) => ({
  business_address: '{"line1":"1 Main St","line2":"","country":"US","zipcode":"12345","city":"Town","stateOrProvince":"TX"}',
  business_email: 'billing@example.com',
  business_name: name,
  business_phone: '+1234567890',
  external_metadata: '{"department":"IT",  "b":1}',
});

/** Adds an existing user to an organization at once, with a role. The SDK has no method for members. */
export const join = (c, organization, email, role) =>
  c.post(`/organizations/${organization}/members`, { body: { member: { user: { email }, status: 'active', role } } });

export async function lifecycle() {
  const c = client();
  const name = `Lifecycle ${unique()}`;
  const root = await c.organizations.create({ name });
  assert.equal(root.name, name);
  assert.deepEqual(root.meta.hierarchy_tags, [root.id]);
  assert.ok(Math.abs(Date.now() - Date.parse(root.create_time)) < 60_000, root.create_time);
  assert.equal(root.parent, undefined);
  assert.equal(root.profile, undefined);
  assert.deepEqual(await c.organizations.get(root.id), root);

  const { data, response } = await c.organizations.update(root.id, { name: ` ${name} II ` }).withResponse();
  assert.deepEqual(data, { ...root, name: `${name} II` });
  assert.equal(response.status, 200);

  assert.deepEqual(await c.organizations.delete(root.id), { id: root.id });
  await refused(c.organizations.get(root.id), 'notFound');
  await refused(c.organizations.delete(root.id), 'notFound');
}

export async function tree() {
  const c = client();
  const root = await c.organizations.create({ name: `Tree ${unique()}` });
  const child = (name, parent) => c.organizations.create({ name, parent: { id: parent } });
  const left = await child('left', root.id);
  const right = await child('right', root.id);
  const leaf = await child('leaf', left.id);
  assert.deepEqual(leaf.parent, { id: left.id, name: 'left' });
  assert.deepEqual(leaf.meta.hierarchy_tags, [root.id, left.id, leaf.id]);

  const moved = await c.organizations.update(left.id, { name: 'left', parent: { id: right.id } });
  assert.deepEqual(moved.parent, { id: right.id, name: 'right' });
  assert.deepEqual((await c.organizations.get(leaf.id)).meta.hierarchy_tags, [root.id, right.id, left.id, leaf.id]);
  assert.deepEqual((await c.organizations.update(left.id, { name: 'left' })).parent, { id: right.id, name: 'right' });

  await refused(c.organizations.update(right.id, { name: 'right', parent: { id: leaf.id } }), 'badRequest', { code: 1006, pointer: '/parent/id' });
  await refused(c.organizations.delete(right.id), 'badRequest', { code: 1005 });
  for (const id of [leaf.id, left.id, right.id, root.id]) await c.organizations.delete(id);
}

export async function profiles() {
  const c = client();
  const name = `Profile ${unique()}`;
  const { id } = await c.organizations.create({ name, profile: profile('One') });
  const echoed = async () => (await c.organizations.get(id)).profile;
  assert.deepEqual(await echoed(), profile('One'));
  assert.deepEqual(await c.organizations.organizationProfile.get(id), profile('One'));
  assert.deepEqual((await c.organizations.update(id, { name })).profile, profile('One'));
  assert.deepEqual((await c.organizations.update(id, { name, profile: profile('Two') })).profile, profile('Two'));
  assert.equal((await c.organizations.update(id, { name, profile: null })).profile, undefined);
  await refused(c.organizations.organizationProfile.get(id), 'notFound');

  assert.equal(await c.organizations.organizationProfile.update(id, profile('Three')), null);
  assert.deepEqual(await c.organizations.organizationProfile.get(id), profile('Three'));
  assert.equal(await echoed(), undefined);
  const { business_phone, ...incomplete } = profile('Four');
  await refused(c.organizations.organizationProfile.update(id, incomplete), 'badRequest', { code: 1001, pointer: '/business_phone' });
  await refused(c.organizations.organizationProfile.update(nowhere, profile('x')), 'notFound');
}

export async function filters() {
  const c = client();
  const mark = unique();
  const make = (name, parent) => c.organizations.create({ name, ...(parent && { parent: { id: parent.id } }) });
  const alpha = await make(`Alpha ${mark}`);
  const beta = await make(`Beta ${mark}`, alpha);
  const gamma = await make(`${mark} Gamma`, beta);
  const account = await c.accounts.create({ name: 'contained', unit: { id: beta.id } });
  const user = await newUser('Contained');
  await join(c, beta.id, user.email, 'organization_read_only');

  for (const [query, want] of [
    [{ id: [gamma.id, alpha.id] }, [alpha, gamma]],
    [{ name: { contains: mark.toUpperCase() } }, [alpha, beta, gamma]],
    [{ name: { startsWith: 'alpha ' + mark } }, [alpha]],
    [{ name: { endsWith: ' GAMMA', contains: mark } }, [gamma]],
    [{ parent: { id: alpha.id } }, [beta]],
    [{ parent: { id: 'null' }, name: { contains: mark } }, [alpha]],
    [{ containing: { account: account.id } }, [alpha, beta]],
    [{ containing: { organization: gamma.id } }, [alpha, beta]],
    [{ containing: { user: user.id } }, [alpha, beta]],
    [{ containing: { organization: alpha.id } }, []],
    [{ id: [alpha.id], name: { contains: 'beta' } }, []],
  ]) {
    const page = await c.organizations.list(query);
    assert.deepEqual(ids(page.result), ids(want), JSON.stringify(query));
  }
  assert.deepEqual((await c.organizations.list({ id: [gamma.id] })).result, [await c.organizations.get(gamma.id)]);
}

export async function pages() {
  const c = client();
  const root = await c.organizations.create({ name: `Pages ${unique()}` });
  const want = [];
  for (let i = 0; i < 12; i++) want.push((await c.organizations.create({ name: `page ${i}`, parent: { id: root.id } })).name);
  const parent = { id: root.id };
  // The type of the SDK leaves result_info out; the pager keeps the whole body.
  const list = async (query) => {
    const page = await c.organizations.list(query);
    return { names: names(page.result), info: page.body.result_info };
  };
  const got = [];
  let page_token;
  do {
    const { names: some, info } = await list({ parent, page_size: 5, ...(page_token && { page_token }) });
    got.push(...some);
    assert.equal(info.total_size, 12);
    page_token = info.next_page_token;
  } while (page_token);
  assert.deepEqual(got, want);

  // Ten by default; the SDK's own pager never follows the token.
  assert.deepEqual(names(await all(c.organizations.list({ parent }))), want.slice(0, 10));
  assert.deepEqual((await list({ parent, page_size: 0, page_token: '' })).names, want.slice(0, 10));
  const { info } = await list({ parent });
  const bad = { code: 1001 };
  await refused(c.organizations.list({ parent, page_size: 1001 }), 'badRequest', { ...bad, pointer: 'page_size' });
  await refused(c.organizations.list({ parent, page_token: 'page_token' }), 'badRequest', { ...bad, pointer: 'page_token' });
  await refused(c.organizations.list({ page_token: info.next_page_token }), 'badRequest', { ...bad, pointer: 'page_token' });
}

export async function errors() {
  const c = client();
  const bad = (pointer) => ({ code: 1001, pointer });
  await refused(c.organizations.create({}), 'badRequest', bad('/name'));
  await refused(c.organizations.create({ name: ' ' }), 'badRequest', bad('/name'));
  await refused(c.organizations.create({ name: 'x'.repeat(101) }), 'badRequest', bad('/name'));
  await refused(c.organizations.create({ name: 'x\u0000' }), 'badRequest', bad('/name'));
  await refused(c.organizations.create({ name: 7 }), 'badRequest', bad('/name'));
  await refused(c.organizations.create({ name: 'x', parent: { id: nowhere } }), 'notFound', { pointer: '/parent/id' });
  await refused(c.organizations.get(nowhere), 'notFound');
  await refused(c.organizations.get('o 1/x'), 'notFound');

  const root = await c.organizations.create({ name: `Denied ${unique()}` });
  const reader = await newUser('Reader');
  const stranger = await newUser('Stranger');
  await join(c, root.id, reader.email, 'organization_read_only');
  assert.equal((await as(reader).organizations.get(root.id)).name, root.name);
  await refused(as(reader).organizations.update(root.id, { name: 'x' }), 'permissionDenied', { message: 'Forbidden: needs organization.update' });
  await refused(as(reader).organizations.delete(root.id), 'permissionDenied', { message: 'Forbidden: needs organization.delete' });
  await refused(as(reader).organizations.organizationProfile.update(root.id, profile('x')), 'permissionDenied', {
    message: 'Forbidden: needs profile.update',
  });
  await refused(as(stranger).organizations.get(root.id), 'notFound');
  await refused(as(stranger).organizations.delete(root.id), 'notFound');
  assert.equal((await c.organizations.get(server.organization_id)).id, server.organization_id);
}

export async function idempotency() {
  const c = client();
  const key = { headers: { 'Idempotency-Key': unique() } };
  const name = `Once ${unique()}`;
  const first = await c.organizations.create({ name }, key);
  assert.deepEqual(await c.organizations.create({ name }, key), first);
  await refused(c.organizations.create({ name: `${name} II` }, key), 'unprocessable', { code: 1422 });
  assert.deepEqual(ids((await c.organizations.list({ name: { startsWith: name } })).result), [first.id]);
}
