import assert from 'node:assert/strict';
import { client } from '../lib/client.mjs';
import { refused } from '../lib/expect.mjs';
import { call, unique } from '../lib/server.mjs';
import { nowhere } from './organizations.mjs';

const yesterday = new Date(Date.now() - 86_400_000).toISOString().slice(0, 10);

/** The price list of the Go suite, word for word: versions never change. */
const yaml = `catalogue:
  version: compat-1
  metrics:
    - id: compat_requests
      name: Compat Requests
      unit: Requests
      aggregation: sum
      family: {id: compat, name: Compat}
      category: Developer
      service: {name: Compat, category: Compute, subcategory: Serverless Compute}
price_books:
  - id: compat-1
    currency: USD
    prices:
      - {metric: compat_requests, sku: compat-1, unit: 1000 Requests, per: 1000, included: 1, list: 0.50, contracted: 0.25}
`;

/** An event, its price, and every column that it makes. */
export async function usage() {
  const c = client();
  const root = await c.organizations.create({ name: `Usage ${unique()}` });
  const account = await c.accounts.create({ name: `Shop ${unique()}`, unit: { id: root.id } });
  await call('POST', '/usage/price_lists', { yaml });
  await call('PUT', `/organizations/${root.id}/price_book`, { book_id: 'compat-1', start: '2020-01-01' });
  await call('POST', '/usage/events', {
    specversion: '1.0', id: unique(), source: '/compat/ts', type: 'usage', time: `${yesterday}T12:00:00Z`,
    data: { account_id: account.id, metric: 'compat_requests', quantity: 3000, zone: { id: 'z1', name: 'example.com' }, region: { id: 'eeur', name: 'Eastern Europe' } },
  });
  const range = { from: yesterday, to: yesterday };
  const rows = await c.organizations.billing.usage.get(root.id, range);
  assert.equal(rows.length, 1);
  const { BillingPeriodStart, BillingPeriodEnd, ChargePeriodStart, ChargePeriodEnd, ...rest } = rows[0];
  assert.equal(ChargePeriodStart, `${yesterday}T00:00:00Z`);
  assert.ok(BillingPeriodStart <= ChargePeriodStart && ChargePeriodStart < ChargePeriodEnd && ChargePeriodEnd <= BillingPeriodEnd);
  assert.deepEqual(rest, {
    BilledCost: 0.5, BillingAccountId: account.id, BillingAccountName: account.name, BillingCurrency: 'USD', ChargeCategory: 'Usage',
    ChargeDescription: 'Compat Requests - daily usage', ChargeFrequency: 'Usage-Based', ConsumedQuantity: 3000, ConsumedUnit: 'Requests',
    ContractedCost: 0.5, ContractedUnitPrice: 0.25, EffectiveCost: 0.5, HostProviderName: 'orgd', InvoiceIssuerName: 'orgd', ListCost: 1,
    ListUnitPrice: 0.5, PricingQuantity: 2, PricingUnit: '1000 Requests', RegionId: 'eeur', RegionName: 'Eastern Europe', ServiceProviderName: 'orgd',
    x_BillableMetricId: 'compat_requests', x_BillableMetricName: 'Compat Requests', x_ProductCategoryName: 'Developer', x_ProductFamilyId: 'compat',
    x_ProductFamilyName: 'Compat', x_ZoneId: 'z1', x_ZoneName: 'example.com',
  });
  const account_id = account.id;
  assert.deepEqual(await c.billing.usage.getAccountUsageV2({ account_id, ...range }), rows);
  assert.deepEqual(await c.billing.usage.get({ account_id, ...range }), rows);
  await billing(c, account, BillingPeriodStart);
  await refused(c.organizations.billing.usage.get(root.id, { from: yesterday }), 'badRequest', { code: 1001, pointer: 'to' });
  await refused(c.organizations.billing.usage.get(nowhere, {}), 'notFound');
}

/** The older form of the same usage, and from which day on billing periods count. */
async function billing(c, account, period) {
  const account_id = account.id;
  const range = { from: period.slice(0, 10), to: yesterday };
  const rows = await c.billing.usage.getAccountUsageV1({ account_id, ...range });
  assert.equal(rows.length, 1);
  const { ChargePeriodEnd, ...rest } = rows[0];
  assert.equal(Date.parse(ChargePeriodEnd) - Date.parse(rest.ChargePeriodStart), 86_400_000);
  assert.deepEqual(rest, {
    BilledCost: 0.5, BillingAccountId: account.id, BillingAccountName: account.name, BillingCurrency: 'USD', BillingPeriodStart: period,
    ChargeCategory: 'Usage', ChargeClass: null, ChargeDescription: 'Compat Requests usage measured in Requests', ChargePeriodStart: `${yesterday}T00:00:00Z`,
    ConsumedQuantity: 3000, ConsumedUnit: 'Requests', ContractedCost: 0.5, CumulatedContractedCost: 0.5, CumulatedPricingQuantity: 2000, EffectiveCost: 0.5,
    HostProviderName: 'orgd', InvoiceIssuerName: 'orgd', ListCost: 1, PricingQuantity: 2000, PricingUnit: 'Requests', ServiceFamilyName: 'Compat',
    ServiceName: 'Compat Requests', ServiceProviderName: 'orgd', SubscriptionId: account.id, ZoneId: 'z1', ZoneName: 'example.com',
  });
  assert.deepEqual(await c.billing.usage.paygo({ account_id, ...range }), rows);
  const info = await c.billing.usage.getAccountUsageInfoV1({ account_id });
  assert.deepEqual(info, { covered: true, subscriptions: [{ id: account.id, start_timestamp: period, billing_cycle_anchor_timestamp: period }] });
  assert.deepEqual(await c.billing.usage.paygoInfo({ account_id }), info);
  await refused(c.billing.usage.getAccountUsageInfoV1({ account_id: nowhere }), 'notFound');
}
