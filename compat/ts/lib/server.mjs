// The running orgd that the suite talks to, and what the suite makes besides
// the official client: users and account members, through /orgd/v1.
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** Reads the ready file named by ORGD_READY_FILE. Without a server the suite fails, it never skips. */
function open() {
  const file = process.env.ORGD_READY_FILE;
  if (!file) throw new Error('no server: run compat/run, or set ORGD_READY_FILE to the ready file of an orgd');
  return JSON.parse(readFileSync(file, 'utf8'));
}

export const server = open();

/** Eight random hexadecimal characters, for names that nobody has used. */
export const unique = () => randomBytes(4).toString('hex');

/** Sends a request to /orgd/v1 with the token of the ready file and returns the result. */
export async function call(method, path, body = {}) {
  const url = server.base_url.replace(/\/client\/v4$/, '/orgd/v1') + path;
  const response = await fetch(url, {
    method,
    headers: { authorization: `Bearer ${server.token}`, 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  const answer = await response.text();
  if (!response.ok) throw new Error(`${method} ${path}: ${response.status} ${answer}`);
  return JSON.parse(answer).result;
}

/** Creates a user; of several words in name the last is the last name. */
export async function newUser(name) {
  const [first_name, last_name = ''] = name.split(' ');
  const made = await call('POST', '/users', { email: `ts-${unique()}@example.com`, first_name, last_name });
  if (!made.id || !made.api_key) throw new Error(`no id or api_key in ${Object.keys(made)}`);
  return { id: made.id, email: made.email, key: made.api_key };
}
