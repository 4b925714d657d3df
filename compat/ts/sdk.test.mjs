// Runs cloudflare-typescript, unmodified, against a live orgd: every method
// that it has for the routes of ../routes.txt.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as accounts from './groups/accounts.mjs';
import * as audit from './groups/audit.mjs';
import * as organizations from './groups/organizations.mjs';
import * as usage from './groups/usage.mjs';
import * as user from './groups/user.mjs';
import { checked, methods, routes, uncalled } from './lib/client.mjs';

test('cloudflare-typescript', async (t) => {
  await t.test('calls', { concurrency: 4 }, async (t) => {
    const calls = {
      'organization lifecycle': organizations.lifecycle,
      'organization tree': organizations.tree,
      'organization profiles': organizations.profiles,
      'organization filters': organizations.filters,
      'organization pages': organizations.pages,
      'organization errors': organizations.errors,
      'audit list': audit.list,
      'audit paging': audit.paging,
      'audit history': audit.history,
      'audit descendants': audit.descendants,
      'audit walk': audit.walk,
      'account audit': audit.account,
      'usage': usage.usage,
      'idempotency': organizations.idempotency,
      'account lifecycle': accounts.lifecycle,
      'account pages': accounts.pages,
      'account errors': accounts.errors,
      'memberships': accounts.memberships,
      'user organizations': accounts.userOrganizations,
      'user': user.user,
      'tokens': user.tokens,
      'token pages': user.tokenPages,
      'permission groups': user.permissionGroups,
      'token limits': user.limits,
      'credentials': user.credentials,
    };
    await Promise.all(Object.entries(calls).map(([name, call]) => t.test(name, checked(call))));
  });
  await t.test(`every method is called: ${methods().length} methods of ${routes.size} routes`, () => assert.deepEqual(uncalled(), []));
});
