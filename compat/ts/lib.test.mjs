// Shows that the checks of the suite can fail, and how.
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { differences } from './lib/shape.mjs';

for (const [what, shape, value, want] of [
  ['exact', { a: 'string', 'b?': 'number' }, { a: 'x' }, []],
  ['missing', { a: 'string' }, {}, ['$.a: missing']],
  ['not declared', { a: 'string' }, { a: 'x', b: 1 }, ['$.b: not declared']],
  ['another type', { a: 'string' }, { a: 1 }, ['$.a: 1 is not string']],
  ['null', { a: 'string' }, { a: null }, ['$.a: null is not string']],
  ['nullable', { a: 'string|null' }, { a: null }, []],
  ['list', ['id'], ['0190000000007000800000000000dead', 'x'], ['$[1]: "x" is not id']],
  ['no list', ['id'], null, ['$: null is not a list']],
  ['time', 'time', '2026-01-01T00:00:00+00:00', ['$: "2026-01-01T00:00:00+00:00" is not time']],
]) {
  test(`differences: ${what}`, () => assert.deepEqual(differences(shape, value), want));
}
