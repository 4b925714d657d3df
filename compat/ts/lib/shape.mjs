// What the answers must look like, key by key: required keys present, no key
// that is not declared, every value of its type. The SDK checks nothing of this
// at run time.

/**
 * Returns one line for each difference between a value and its shape. A shape is
 * the name of a kind ("string", "string|null", ...), a list with the shape of
 * every element, a function that returns lines, or an object of shapes, where a
 * key that ends in "?" is optional.
 */
export function differences(shape, value, path = '$') {
  if (typeof shape === 'function') return shape(value, path);
  if (typeof shape === 'string') {
    return shape.split('|').some((kind) => kinds[kind](value)) ? [] : [`${path}: ${JSON.stringify(value)} is not ${shape}`];
  }
  if (Array.isArray(shape)) {
    if (!Array.isArray(value)) return [`${path}: ${JSON.stringify(value)} is not a list`];
    return value.flatMap((element, i) => differences(shape[0], element, `${path}[${i}]`));
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return [`${path}: ${JSON.stringify(value)} is not an object`];
  const declared = new Map(Object.entries(shape).map(([key, inner]) => [key.replace(/\?$/, ''), { inner, optional: key.endsWith('?') }]));
  const found = Object.keys(value).filter((key) => !declared.has(key)).map((key) => `${path}.${key}: not declared`);
  for (const [key, { inner, optional }] of declared) {
    if (key in value) found.push(...differences(inner, value[key], `${path}.${key}`));
    else if (!optional) found.push(`${path}.${key}: missing`);
  }
  return found;
}

const oneOf = (...values) => (value, path) => (values.includes(value) ? [] : [`${path}: ${JSON.stringify(value)} is not one of ${values}`]);

/** An object with any keys, all values of one shape. */
const mapOf = (shape) => (value, path) =>
  typeof value === 'object' && value !== null
    ? Object.entries(value).flatMap(([key, inner]) => differences(shape, inner, `${path}.${key}`))
    : [`${path}: ${JSON.stringify(value)} is not an object`];

const kinds = {
  string: (v) => typeof v === 'string',
  boolean: (v) => typeof v === 'boolean',
  number: (v) => typeof v === 'number',
  null: (v) => v === null,
  any: () => true,
  id: (v) => typeof v === 'string' && /^[0-9a-f]{32}$/.test(v),
  time: (v) => typeof v === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?Z$/.test(v),
  secret: (v) => typeof v === 'string' && /^orgd_[0-9A-Za-z_-]{43}$/.test(v),
  flag: (v) => v === 'enabled' || v === 'disabled',
};

const flags = { account_creation: 'flag', account_deletion: 'flag', account_migration: 'flag', account_mobility: 'flag', sub_org_creation: 'flag' };
const profile = { business_address: 'string', business_email: 'string', business_name: 'string', business_phone: 'string', external_metadata: 'string' };
const usageRow = Object.fromEntries([
  ...['BilledCost?', 'ContractedCost?', 'ContractedUnitPrice?', 'EffectiveCost?', 'ListCost?', 'ListUnitPrice?', 'PricingQuantity?', 'ConsumedQuantity'].map((k) => [k, 'number']),
  ...['BillingPeriodStart?', 'BillingPeriodEnd?', 'ChargePeriodStart', 'ChargePeriodEnd'].map((k) => [k, 'time']),
  ...['BillingAccountId', 'BillingAccountName', 'ChargeCategory', 'ChargeDescription', 'ChargeFrequency', 'ConsumedUnit', 'HostProviderName',
    'InvoiceIssuerName', 'ServiceProviderName', 'x_BillableMetricId', 'x_BillableMetricName', 'BillingCurrency?', 'ChargeClass?', 'PricingUnit?',
    'RegionId?', 'RegionName?', 'SubAccountId?', 'SubAccountName?', 'x_ProductCategoryName?', 'x_ProductFamilyId?', 'x_ProductFamilyName?',
    'x_ZoneId?', 'x_ZoneName?'].map((k) => [k, 'string']),
]);
const runningRow = Object.fromEntries([
  ...['BilledCost', 'ConsumedQuantity', 'ContractedCost', 'CumulatedContractedCost', 'CumulatedPricingQuantity', 'EffectiveCost', 'ListCost', 'PricingQuantity'].map((k) => [k, 'number']),
  ...['BillingPeriodStart', 'ChargePeriodStart', 'ChargePeriodEnd'].map((k) => [k, 'time']),
  ...['BillingAccountId', 'BillingAccountName', 'BillingCurrency', 'ChargeCategory', 'ChargeDescription', 'ConsumedUnit', 'HostProviderName', 'InvoiceIssuerName',
    'PricingUnit', 'ServiceFamilyName?', 'ServiceName', 'ServiceProviderName', 'SubscriptionId', 'ZoneId?', 'ZoneName?'].map((k) => [k, 'string']),
  ['ChargeClass', 'null'],
]);
const organization = {
  id: 'id',
  name: 'string',
  create_time: 'time',
  meta: {
    flags,
    tenant_flags: { ...flags, account_creation_applies_tenant_defaults: 'flag', enterprise_capability: 'flag', member_management: 'flag' },
    hierarchy_tags: ['id'],
    'managed_by?': 'string',
  },
  'parent?': { id: 'id', name: 'string' },
  'profile?': profile,
};
const account = {
  id: 'id',
  name: 'string',
  type: oneOf('standard', 'enterprise'),
  created_on: 'time',
  settings: { 'abuse_contact_email?': 'string', 'enforce_twofactor?': 'boolean' },
  'managed_by?': { parent_org_id: 'id', parent_org_name: 'string' },
};
const grant = { read: 'boolean', write: 'boolean' };
const areas = ['analytics', 'billing', 'cache_purge', 'dns', 'dns_records', 'lb', 'logs', 'organization', 'ssl', 'waf', 'zone_settings', 'zones'];
const membership = {
  id: 'string',
  account,
  api_access_enabled: 'boolean|null',
  permissions: Object.fromEntries(areas.map((area) => [`${area}?`, grant])),
  roles: ['string'],
  status: oneOf('accepted', 'pending', 'rejected'),
};
const status = oneOf('active', 'disabled', 'expired');
const token = {
  id: 'id',
  name: 'string',
  status,
  issued_on: 'time',
  modified_on: 'time',
  'last_used_on?': 'time',
  'expires_on?': 'time',
  'not_before?': 'time',
  policies: [{ id: 'string', effect: oneOf('allow', 'deny'), permission_groups: [{ id: 'string', name: 'string' }], resources: mapOf('string') }],
  'condition?': { 'request_ip?': { 'in?': ['string'], 'not_in?': ['string'] } },
};
const verification = { id: 'id', status, 'expires_on?': 'time', 'not_before?': 'time' };
const user = {
  id: 'id',
  email: 'string',
  'first_name?': 'string|null',
  'last_name?': 'string|null',
  'telephone?': 'string|null',
  'country?': 'string|null',
  'zipcode?': 'string|null',
  'suspended?': 'boolean',
  'two_factor_authentication_enabled?': 'boolean',
  'two_factor_authentication_locked?': 'boolean',
  'has_pro_zones?': 'boolean',
  'has_business_zones?': 'boolean',
  'has_enterprise_zones?': 'boolean',
  'betas?': ['string'],
  'organizations?': [{ id: 'id', name: 'string', permissions: ['string'], roles: ['string'], status: oneOf('member', 'invited') }],
};
const identified = { id: 'id' };
const group = {
  id: 'id',
  name: 'string',
  'category?': oneOf('account_and_billing', 'analytics_and_logs', 'other'),
  scopes: [oneOf('com.cloudflare.api.account', 'com.cloudflare.api.user')],
};

const member = {
  id: 'id',
  create_time: 'time',
  update_time: 'time',
  status: oneOf('active', 'pending', 'rejected', 'canceled'),
  meta: { role: { name: 'string' }, 'invitation?': { expire_time: 'time', 'code?': 'string' } },
  user: { id: 'id', email: 'string', name: 'string', two_factor_authentication_enabled: 'boolean' },
};

const byToken = { total_size: 'number', 'next_page_token?': 'string' };
const byNumber = { page: 'number', per_page: 'number', count: 'number', total_count: 'number', 'total_pages?': 'number' };

const anObject = (value, path) => (typeof value === 'object' && value !== null && !Array.isArray(value) ? [] : [`${path}: ${JSON.stringify(value)} is not an object`]);
const record = {
  id: 'id',
  action: { description: 'string', result: oneOf('success', 'failure'), time: 'time', type: oneOf('create', 'delete', 'view', 'update') },
  actor: {
    'id?': 'id',
    'context?': oneOf('api_key', 'api_token', 'dash', 'oauth', 'origin_ca_key'),
    'email?': 'string',
    'ip_address?': 'string',
    'token_id?': 'id',
    'token_name?': 'string',
    'type?': oneOf('cloudflare_admin', 'system', 'user'),
    'external_type?': oneOf('external_user', 'external_service', 'external_system'),
  },
  'source?': 'string',
  'source_id?': 'string',
  'occurred?': 'time',
  organization: { id: 'id' },
  raw: { cf_ray_id: 'string', method: 'string', status_code: 'number', uri: 'string', 'user_agent?': 'string' },
  resource: {
    id: 'string',
    product: 'string',
    'request?': anObject,
    'response?': anObject,
    'before?': anObject,
    'after?': anObject,
    scope: { name: oneOf('organizations', 'accounts', 'user') },
    type: 'string',
  },
};
const { organization: _, ...recorded } = record;
const accountRecord = { ...recorded, account: { id: 'id', name: 'string' } };
const byCursor = { count: 'string', 'cursor?': 'string', 'cursors?': { after: 'string' } };
const history = { ...byCursor, count: 'number', history_status: oneOf('exact', 'unavailable') };

/** The shapes of result and, for lists, of result_info, by route. */
export const answers = {
  'GET /organizations': [[organization], byToken],
  'POST /organizations': [organization],
  'GET /organizations/{}': [organization],
  'PUT /organizations/{}': [organization],
  'DELETE /organizations/{}': [identified],
  'GET /organizations/{}/profile': [profile],
  'POST /organizations/{}/members': [member],
  'GET /organizations/{}/logs/audit': [[record], byCursor],
  'GET /organizations/{}/logs/audit/{}/history': [[record], history],
  'GET /accounts': [[account], byNumber],
  'GET /accounts/{}/logs/audit': [[accountRecord], byCursor],
  'GET /accounts/{}/logs/audit/{}/history': [[accountRecord], history],
  'GET /accounts/{}/billable/usage': [[usageRow]],
  'GET /accounts/{}/billable-usage': [[runningRow]],
  'GET /accounts/{}/billable-usage/info': [{ covered: 'boolean', subscriptions: [{ id: 'id', start_timestamp: 'time', billing_cycle_anchor_timestamp: 'time' }] }],
  'GET /organizations/{}/billable/usage': [[usageRow]],
  'GET /accounts/{}/logs/audit/product_categories': [[{ label: 'string', value: 'string', products: [{ label: 'string', value: 'string' }] }]],
  'POST /accounts': [account],
  'GET /accounts/{}': [account],
  'PUT /accounts/{}': [account],
  'DELETE /accounts/{}': [identified],
  'GET /accounts/{}/tokens/verify': [verification],
  'GET /user': [user],
  'GET /user/organizations': [[user['organizations?'][0]], byNumber],
  'GET /user/tenants': [[organization]],
  'GET /memberships': [[membership], byNumber],
  'GET /user/tokens': [[token], byNumber],
  'POST /user/tokens': [{ ...token, value: 'secret' }],
  'GET /user/tokens/{}': [token],
  'PUT /user/tokens/{}': [token],
  'DELETE /user/tokens/{}': [identified],
  'PUT /user/tokens/{}/value': ['secret'],
  'GET /user/tokens/verify': [verification],
  'GET /user/tokens/permission_groups': [[group], 'any'],
};

/** Whether the errors of the route leave result out. */
export const organizationsFamily = (route) =>
  (/ \/organizations/.test(route) && !route.includes('/logs/audit') && !route.includes('/billable/usage')) || /^\w+ \/accounts\/{}\/(move|profile|organizations)$/.test(route) || route === 'GET /user/tenants';
