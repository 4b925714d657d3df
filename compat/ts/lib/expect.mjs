import assert from 'node:assert/strict';
import Cloudflare from 'cloudflare';

/** The class, the status and, where there is only one, the code of a refusal. */
const refusals = {
  badRequest: [Cloudflare.BadRequestError, 400],
  authentication: [Cloudflare.AuthenticationError, 401],
  permissionDenied: [Cloudflare.PermissionDeniedError, 403, 10000],
  notFound: [Cloudflare.NotFoundError, 404, 1003],
  unprocessable: [Cloudflare.UnprocessableEntityError, 422],
};

/** Words of the message that each code must have where a test names none; 1001 names the field. */
const usualWords = {
  1003: 'not found',
  1005: 'The organization is not empty',
  1006: 'The organization would lie below itself',
  1422: 'Idempotency-Key was used before',
  9106: 'No credentials',
  9109: 'Invalid API token',
};

/** Awaits a call that must be refused: its class, code, words of the message and, where given, the pointer. */
export async function refused(call, kind, { code, message, pointer } = {}) {
  const [type, status, usual] = refusals[kind];
  const error = await call.then(
    (value) => assert.fail(`got ${JSON.stringify(value)}, want ${kind}`),
    (thrown) => thrown,
  );
  if (error instanceof assert.AssertionError) throw error;
  assert.ok(error instanceof type, `got ${error?.stack}\n${error?.cause?.stack ?? ''}\nwant ${kind}`);
  assert.equal(error.status, status);
  assert.equal(error.errors.length, 1, JSON.stringify(error.errors));
  const [got] = error.errors;
  assert.equal(got.code, code ?? usual, got.message);
  const words = message ?? usualWords[got.code] ?? `${pointer} `;
  assert.ok(got.message.includes(words), `${got.message} does not include ${words}`);
  assert.equal(got.source?.pointer, pointer, got.message);
}

/** All elements that the SDK's pager gives. */
export async function all(pages) {
  const elements = [];
  for await (const element of pages) elements.push(element);
  return elements;
}

export const names = (list) => list.map((element) => element.name);
export const ids = (list) => list.map((element) => element.id);
