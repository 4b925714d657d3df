// Reads the bills of a live orgd with DuckDB: the Parquet file by its own
// types, the CSV and JSON lines files as the texts that stand in them, turned
// into those types. The rows must be the same in all three.
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DuckDBInstance } from '@duckdb/node-api';
import { ask, first, last, world } from './world.mjs';

let db, dir, made;

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'orgd-duckdb-'));
  db = await (await DuckDBInstance.create(':memory:')).connect();
  await db.run("SET TimeZone = 'UTC'");
  made = await world();
});

after(async () => {
  db.closeSync();
  await rm(dir, { recursive: true });
});

const all = async (sql) => (await db.runAndReadAll(sql)).getRowObjectsJson();

const amounts = ['BilledCost', 'ContractedCost', 'EffectiveCost', 'ListCost', 'ConsumedQuantity', 'PricingQuantity', 'ContractedUnitPrice', 'ListUnitPrice'];
const times = ['BillingPeriodEnd', 'BillingPeriodStart', 'ChargePeriodEnd', 'ChargePeriodStart'];
const typeOf = (name) => {
  if (amounts.includes(name)) return 'DECIMAL(38,18)';
  return times.includes(name) ? 'TIMESTAMP WITH TIME ZONE' : 'VARCHAR';
};

/** Downloads the bill in a format and returns the name of the file. */
async function download(mapping, format) {
  const name = join(dir, `${mapping}.${format}`);
  const answer = await ask('GET', `/orgd/v1/organizations/${made.root}/focus?from=${first}&to=${last}&mapping=${mapping}&format=${format}`);
  await writeFile(name, Buffer.from(await answer.arrayBuffer()));
  return name;
}

/** Opens a bill in all formats, as the views parquet, csv and jsonl, and returns the columns of the Parquet file. */
async function open(mapping) {
  const [parquet, csv, jsonl] = await Promise.all(['parquet', 'csv', 'jsonl'].map((format) => download(mapping, format)));
  await db.run(`CREATE OR REPLACE VIEW parquet AS SELECT * FROM read_parquet('${parquet}')`);
  const columns = await all('DESCRIBE parquet');
  const names = columns.map((c) => c.column_name);
  const typed = (text) => names.map((n) => `CAST(${text(n)} AS ${typeOf(n)}) AS "${n}"`).join(', ');
  await db.run(`CREATE OR REPLACE VIEW csv AS SELECT ${typed((n) => `"${n}"`)} FROM read_csv('${csv}', header = true, all_varchar = true, delim = ',', quote = '"', escape = '"')`);
  // DuckDB makes doubles of JSON's numbers, which have fewer digits than amounts, so they are taken from the text.
  const text = (n) => (amounts.includes(n) ? `nullif(regexp_extract(CAST(json AS VARCHAR), '"${n}":(-?[0-9.]+)', 1), '')` : `json ->> '$."${n}"'`);
  await db.run(`CREATE OR REPLACE VIEW jsonl AS SELECT ${typed(text)} FROM read_ndjson_objects('${jsonl}')`);
  return { columns, names, csv, jsonl };
}

for (const mapping of ['cloudflare', 'consolidated']) {
  test(`the bill of ${mapping} has the same types, rows and sums in all formats`, async () => {
    const { columns, names, csv, jsonl } = await open(mapping);
    for (const c of columns) assert.equal(c.column_type, typeOf(c.column_name), c.column_name);
    for (const n of [...amounts, ...times]) assert.ok(names.includes(n), n);
    assert.deepEqual(new Set((await readFile(csv, 'utf8')).split('\n', 1)[0].trim().split(',')), new Set(names), 'columns of the CSV file');
    const lines = (await readFile(jsonl, 'utf8')).trim().split('\n');
    assert.deepEqual(new Set(Object.keys(JSON.parse(lines[0]))), new Set(names), 'columns of the JSON lines file');

    const sums = names.map((n) => (amounts.includes(n) ? `CAST(sum("${n}") AS VARCHAR) AS "${n}"` : `count("${n}") AS "${n}"`)).join(', ');
    const [parquet] = await all(`SELECT count(*) AS n, ${sums} FROM parquet`);
    assert.equal(parquet.n, `${lines.length}`);
    for (const other of ['csv', 'jsonl']) {
      assert.deepEqual((await all(`SELECT count(*) AS n, ${sums} FROM ${other}`))[0], parquet, `the sums of ${other}`);
      for (const [a, b] of [['parquet', other], [other, 'parquet']]) {
        assert.deepEqual(await all(`SELECT * FROM ${a} EXCEPT ALL SELECT * FROM ${b}`), [], `rows of ${a} that ${b} does not have`);
      }
    }
    await isExact(parquet, lines);
  });
}

/** The sums, made without DuckDB from the texts of the JSON lines, and from what was pushed. */
async function isExact(parquet, lines) {
  for (const name of amounts) {
    let sum = 0n;
    for (const line of lines) {
      const text = line.match(new RegExp(`"${name}":(-?[0-9.]+|null)`))?.[1] ?? 'null';
      if (text === 'null') continue;
      const [whole, fraction = ''] = text.split('.');
      assert.ok(fraction.length <= 18, text);
      sum += BigInt(whole + fraction.padEnd(18, '0'));
    }
    assert.equal(BigInt(parquet[name].replace('.', '')), sum, name);
  }
  const [exact] = await all(`SELECT CAST(sum("ConsumedQuantity") AS VARCHAR) AS q, CAST(sum("BilledCost") FILTER ("BillingCurrency" = 'USD') AS VARCHAR) AS c,
    CAST(sum("ConsumedQuantity") FILTER ("BillingCurrency" = 'USD') AS VARCHAR) AS usd FROM parquet WHERE "SkuId" LIKE '%_exact'`);
  assert.equal(BigInt(exact.q.replace('.', '')), made.exact * 10n ** 9n, 'what was pushed');
  // 0.000000101 times a quantity with 9 digits after the point has 18.
  assert.equal(BigInt(exact.c.replace('.', '')), (BigInt(exact.usd.replace('.', '')) / 10n ** 9n) * 101n, 'what it costs');
}

test('each mapping names who pays and who used it', async () => {
  const who = 'SELECT DISTINCT "BillingAccountId" AS payer, "SubAccountId" AS sub FROM parquet ORDER BY ALL';
  await open('cloudflare');
  assert.deepEqual(await all(who), made.accounts.map((a) => ({ payer: a, sub: null })));
  await open('consolidated');
  assert.deepEqual(await all(who), made.accounts.map((a) => ({ payer: made.root, sub: a })));
});

test('names, places and times arrive as they are', async () => {
  await open('consolidated');
  assert.deepEqual(await all(`SELECT DISTINCT "x_ZoneId" AS id, "x_ZoneName" AS name FROM parquet ORDER BY ALL`), [
    { id: 'z1', name: 'plain.example' }, { id: 'z2', name: 'comma, "quote" \\ and more' }, { id: 'z3', name: 'κόσμε.example — 🦆' }, { id: null, name: null },
  ]);
  const [span] = await all(`SELECT CAST(min("ChargePeriodStart") AS VARCHAR) AS first, CAST(max("ChargePeriodStart") AS VARCHAR) AS last,
    bool_and("ChargePeriodEnd" = "ChargePeriodStart" + INTERVAL 1 DAY) AS days, count(DISTINCT "BillingPeriodStart") > 1 AS months,
    count(*) FILTER ("SkuId" LIKE '%_free') AS unpriced, count(DISTINCT "SkuPriceId") FILTER ("SkuId" LIKE '%_tiers') AS tiers FROM parquet`);
  assert.deepEqual(span, { first: `${first} 00:00:00+00`, last: `${last} 00:00:00+00`, days: true, months: true, unpriced: '0', tiers: '3' });
});
