// Usage that is hard to carry from one format into another, on a live orgd:
// all digits that a quantity and an amount may have, several tiers and
// currencies, names with quotes, commas and other scripts, places that
// are not there, and metrics without a price.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

const file = process.env.ORGD_READY_FILE;
if (!file) throw new Error('no server: run compat/run, or set ORGD_READY_FILE to the ready file of an orgd');
const server = JSON.parse(readFileSync(file, 'utf8'));
const origin = server.base_url.replace(/\/client\/v4$/, '');
const headers = { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' };

/** Sends a request and returns the answer, which must be a good one. */
export async function ask(method, path, body) {
  const response = await fetch(origin + path, { method, headers, body: body && JSON.stringify(body) });
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${await response.text()}`);
  return response;
}

const call = async (method, path, body) => (await (await ask(method, path, body)).json()).result;

const unique = randomBytes(4).toString('hex');

const metric = (id, name, unit, aggregation) => `
    - id: duck_${unique}_${id}
      name: ${JSON.stringify(name)}
      unit: ${unit}
      aggregation: ${aggregation}
      family: {id: duck, name: "Duck, \\"the\\" family"}
      category: Developer
      service: {name: Duck, category: Compute, subcategory: Serverless Compute}`;

const prices = `catalogue:
  version: duck-${unique}
  metrics:${metric('exact', 'Exact, with a comma', 'Units', 'sum')}${metric('tiers', 'Tiers “quoted”', 'Requests', 'sum')}${metric('stock', 'Stock', 'GB-Days', 'max')}${metric('free', 'Without a price', 'Units', 'sum')}
price_books:
  - id: duck-${unique}
    currency: USD
    prices:
      - {metric: duck_${unique}_exact, sku: duck-exact, unit: Units, list: 0.000000123, contracted: 0.000000101}
      - metric: duck_${unique}_tiers
        sku: duck-tiers
        unit: 1000 Requests
        per: 1000
        included: 2
        tiers:
          - {up_to: 3, list: 0.30, contracted: 0.27}
          - {up_to: 10, list: 0.30, contracted: 0.25}
          - {list: 0.30, contracted: 0.20}
      - {metric: duck_${unique}_stock, sku: duck-stock, unit: GB-Months, per: 30, block: 1, rounding: up, list: 0.015}
  - id: duck-${unique}-eur
    currency: EUR
    prices:
      - {metric: duck_${unique}_exact, sku: duck-exact, unit: Units, list: 999999999.999999999}
`;

const zones = [
  undefined,
  { id: 'z1', name: 'plain.example' },
  { id: 'z2', name: 'comma, "quote" \\ and more' },
  { id: 'z3', name: 'κόσμε.example — 🦆' },
];

const day = (ago) => new Date(Date.now() - ago * 86_400_000).toISOString().slice(0, 10);

/** The days that the usage is on: two months at least, so that billing periods change. */
export const first = day(40);
export const last = day(1);

/** Quantities with up to 9 digits after the point, of which no two are alike. */
const quantity = (ago, i) => `${(ago * 7919 + i * 104729) % 100003}.${String((ago * 48271 + i * 16807 + 1) % 1_000_000_000).padStart(9, '0')}`;

/** Makes the usage and returns the root, its accounts, and what was consumed of the exact metric, in units of 10^-9. */
export async function world() {
  const root = await call('POST', '/client/v4/organizations', { name: `Duck, "${unique}"` });
  const child = await call('POST', '/client/v4/organizations', { name: `Pond ${unique}`, parent: { id: root.id } });
  const shop = await call('POST', '/client/v4/accounts', { name: `Shop; ${unique}`, unit: { id: root.id } });
  const pond = await call('POST', '/client/v4/accounts', { name: `Teich ä ${unique}`, unit: { id: child.id } });
  const euro = await call('POST', '/client/v4/accounts', { name: `Euro ${unique}`, unit: { id: child.id } });
  await call('POST', '/orgd/v1/usage/price_lists', { yaml: prices });
  await call('PUT', `/orgd/v1/organizations/${root.id}/price_book`, { book_id: `duck-${unique}`, start: '2020-01-01' });
  await call('PUT', `/orgd/v1/accounts/${euro.id}/price_book`, { book_id: `duck-${unique}-eur`, start: '2020-01-01' });
  let exact = 0n;
  const events = [];
  const use = (account, ago, name, amount, zone, region) => {
    events.push({
      specversion: '1.0', id: `${events.length}`, source: `/compat/duckdb/${unique}`, type: 'usage', time: `${day(ago)}T12:00:00Z`,
      data: { account_id: account.id, metric: `duck_${unique}_${name}`, quantity: amount, zone, region },
    });
    if (name === 'exact') exact += BigInt(amount.replace('.', ''));
  };
  for (let ago = 40; ago >= 1; ago--) {
    zones.forEach((zone, i) => {
      use(shop, ago, 'exact', quantity(ago, i), zone, i % 2 ? { id: 'weur', name: 'Western Europe' } : undefined);
      use(pond, ago, 'tiers', `${ago * 100 + i * 11}`, zone);
    });
    use(pond, ago, 'stock', `${ago}.5`, undefined, { id: 'oc' });
    use(pond, ago, 'free', '1');
  }
  use(euro, 3, 'exact', '0.000000001');
  use(euro, 2, 'exact', '99999999.999999999');
  const pushed = await call('POST', '/orgd/v1/usage/events', events);
  if (pushed.counted !== events.length) throw new Error(`${pushed.counted} of ${events.length} events were counted: ${JSON.stringify(pushed.receipts.find((r) => r.outcome !== 'counted'))}`);
  return { root: root.id, accounts: [shop.id, pond.id, euro.id].sort(), exact };
}
