// The official client, unmodified, behind a fetch that checks every answer and
// a proxy that notes which methods were called.
import Cloudflare from 'cloudflare';
import { AsyncLocalStorage } from 'node:async_hooks';
import { readFileSync } from 'node:fs';
import { answers, differences, organizationsFamily } from './shape.mjs';
import { server } from './server.mjs';

/** A path or a template of one with its parameters as {}. */
const template = (path) => path.replace(/\$?\{[^}]*\}/g, '{}');

/** The routes of ../routes.txt, as "METHOD /path/{}". */
export const routes = new Set(
  readFileSync(new URL('../../routes.txt', import.meta.url), 'utf8')
    .split('\n')
    .filter((line) => /^[A-Z]/.test(line))
    .map((line) => template(line.trim().replace(/\s+/, ' '))),
);

const called = new Set();

/** The methods of the SDK that call one of the routes, as [name, route]. */
export function methods() {
  const found = [];
  const visit = (resource, name) => {
    for (let type = Object.getPrototypeOf(resource); type !== Object.prototype; type = Object.getPrototypeOf(type)) {
      for (const method of Object.getOwnPropertyNames(type)) {
        const call = /this\._client\.(\w+)\((?:path )?[`'"]([^`'"]+)[`'"]/.exec(String(type[method]));
        if (method === 'constructor' || !call) continue;
        const verb = call[1] === 'getAPIList' ? 'GET' : call[1].toUpperCase();
        const route = `${verb} ${template(call[2])}`;
        if (routes.has(route)) found.push([`${name}.${method}`, route]);
      }
    }
    for (const [key, inner] of Object.entries(resource)) {
      if (key !== '_client' && inner?._client) visit(inner, `${name}.${key}`);
    }
  };
  for (const [key, resource] of Object.entries(new Cloudflare({ apiToken: 'x' }))) {
    if (resource?._client) visit(resource, key);
  }
  return found;
}

/** The methods that no test has called. */
export const uncalled = () => methods().filter(([name]) => !called.has(name));

/** Wraps a resource so that calls of its methods, and of those below it, are noted. */
function noting(target, name) {
  return new Proxy(target, {
    get(object, key) {
      const value = object[key];
      const path = name ? `${name}.${String(key)}` : String(key);
      if (value?._client && key !== '_client') return noting(value, path);
      if (typeof value !== 'function' || key === 'constructor') return value;
      return (...args) => {
        called.add(path);
        return value.apply(object, args);
      };
    },
  });
}

/** A client without credentials but those in the options. */
export function bare(options = {}) {
  const none = { apiToken: null, apiKey: null, apiEmail: null, userServiceKey: null };
  return noting(new Cloudflare({ ...none, baseURL: server.base_url, maxRetries: 0, fetch: watched, ...options }), '');
}

/** A client with the token of the ready file. */
export const client = (options = {}) => bare({ apiToken: server.token, ...options });

/** A client that signs in as the user, with the key scheme. */
export const as = (user) => bare({ apiEmail: user.email, apiKey: user.key });

const findings = new AsyncLocalStorage();

/** Wraps a group of calls so that it also fails when any of its answers is wrong. */
export const checked = (group) => async () => {
  const found = [];
  let cause;
  await findings.run(found, group).catch((thrown) => (cause = thrown));
  if (found.length > 0) throw new Error([...found, cause?.stack].join('\n'));
  if (cause) throw cause;
};

async function watched(url, init) {
  const response = await fetch(url, init);
  const text = await response.clone().text();
  const found = check(init.method.toUpperCase(), new URL(url), response, text);
  if (found.length > 0) findings.getStore().push(`${init.method} ${url}: ${response.status}\n${found.join('\n')}\nin ${text}`);
  return response;
}

function routeOf(method, url) {
  const path = url.pathname.slice(new URL(server.base_url).pathname.length);
  const exact = [...routes].find((route) => route === `${method} ${path}`);
  return exact ?? [...routes].find((route) => new RegExp(`^${route.replaceAll('{}', '[^/]+')}$`).test(`${method} ${path}`));
}

/** Returns one line for each thing that is wrong with an answer. */
export function check(method, url, response, text) {
  const found = [];
  const route = routeOf(method, url);
  if (!route) found.push('no such route in routes.txt');
  if (!/^[0-9a-f]{16}-ORG$/.test(response.headers.get('cf-ray') ?? '')) found.push(`CF-RAY is ${response.headers.get('cf-ray')}`);
  if (response.status === 204) return text === '' ? found : [...found, '204 with a body'];
  if (!/^application\/json(;|$)/.test(response.headers.get('content-type') ?? '')) found.push(`Content-Type is ${response.headers.get('content-type')}`);
  const body = JSON.parse(text);
  return [...found, ...(response.ok ? success(route, response, body) : refusal(route, response, body))];
}

function success(route, response, body) {
  const [result, info] = answers[route] ?? [];
  const message = { code: 'number', message: 'string' };
  const shape = { success: 'boolean', errors: 'any', messages: [message], result };
  if (info === 'any') shape['result_info?'] = 'any';
  else if (info) shape.result_info = info;
  const found = result ? differences(shape, body) : [`200 to ${route}, which should have no body`];
  if (response.status !== 200) found.push(`status ${response.status}`);
  if (body.success !== true || JSON.stringify(body.errors) !== '[]') found.push('not a success envelope');
  return found;
}

function refusal(route, response, body) {
  const found = [];
  const error = { code: 'number', message: 'string', 'documentation_url?': 'string', 'source?': { pointer: 'string' } };
  const shape = { success: 'boolean', errors: [error], messages: [{}] };
  if (!organizationsFamily(route)) shape.result = 'null';
  if (route?.endsWith('/history') && response.status === 404) shape.result_info = { count: 'number', history_status: 'string' };
  found.push(...differences(shape, body));
  if (response.status === 409 || response.status >= 500) found.push(`status ${response.status}`);
  if (body.success !== false || !(body.errors?.length > 0)) found.push('not an error envelope');
  for (const { code, message } of body.errors ?? []) {
    if (code < 1000 || message === '' || /authentication error|unable to authenticate|rate limit/i.test(message)) found.push(`error ${code} ${message}`);
  }
  return found;
}
