import { existsSync, readFileSync } from 'node:fs'
import { isIP } from 'node:net'
import { join } from 'node:path'
import { type Static, type TObject, type TSchema, Type } from 'typebox'
import { Value } from 'typebox/value'
import { toOrganizationName } from './domain/organization-ref.ts'
import { defaultOwnership, type FieldOwnership } from './domain/ownership.ts'
import { isSchedule } from './domain/schedule.ts'
import { upstreams } from './upstreams/index.ts'
import { configureUpstream, type Upstream } from './upstreams/upstream.ts'

const Owner = Type.Union([Type.Literal('upstream'), Type.Literal('local'), Type.Literal('newest')])
/** An address, or a network in CIDR form; nothing that stands for everybody. */
const Network = Type.Refine(Type.String(), (text) => {
  const [address = '', bits, ...more] = text.split('/')
  const longest = { 0: 0, 4: 32, 6: 128 }[isIP(address)] ?? 0
  const length = bits === undefined || /^\d{1,3}$/.test(bits) ? Number(bits ?? longest) : 0
  return more.length === 0 && length >= 1 && length <= longest
})
/** As browsers send it: no path, no slash at the end, no default port, lower case. */
const Origin = Type.Refine(
  Type.String(),
  (text) => /^https?:/.test(text) && URL.canParse(text) && new URL(text).origin === text,
)
/** Signs such as # or % in a password have to be percent-encoded. */
function isDecodable(text: string): boolean {
  try {
    // Of several hosts the library takes one after the other; a URL has one.
    const { username, password } = new URL(text.replace(/,[^/?]*/, ''))
    return decodeURIComponent(username + password) !== undefined
  } catch {
    return false
  }
}

const Seconds = (fallback: number, minimum = 1) =>
  Type.Integer({
    minimum,
    maximum: 315_360_000,
    default: fallback,
    description: `a whole number of seconds from ${minimum}`,
  })

/** Every setting of the service itself, by the name it has in the environment. Upstreams bring their own. */
export const Settings = Type.Object({
  DATABASE_URL: Type.Refine(
    Type.String({
      pattern: '^postgres(ql)?://',
      description: 'an address like postgres://user@host/name, with # and % in the password encoded',
    }),
    isDecodable,
  ),
  DATABASE_POOL: Type.Integer({
    minimum: 2,
    maximum: 1000,
    default: 10,
    description: 'a number of connections from 2 to 1000',
  }),
  HOST: Type.String({ minLength: 1, default: '127.0.0.1', description: 'a host name or address' }),
  PORT: Type.Integer({ minimum: 0, maximum: 65535, default: 3000, description: 'a port number' }),
  BASE_URL: Type.Refine(
    Type.String({
      pattern: '^https?://[^/?#@\\s]+$',
      default: 'http://127.0.0.1:3000',
      description: 'an address without a path or a slash at its end',
    }),
    (text) => URL.canParse(text),
  ),
  ALLOWED_ORIGINS: Type.Array(Origin, {
    default: [],
    description:
      'a comma list of origins such as https://app.example.com, without a path or a slash at the end',
  }),
  FIRSTLOGIN_SECRET: Type.Refine(
    Type.Array(Type.String(), {
      minItems: 1,
      areSecrets: true,
      description: '32 bytes or more; several, the newest first, are separated by commas',
    }),
    (secrets) => secrets.every(isLongSecret),
  ),
  UPSTREAMS: Type.Array(Type.Union(upstreams.map(({ name }) => Type.Literal(name))), {
    default: ['airtable'],
    description: `a comma list out of ${upstreams.map(({ name }) => name).join(', ')}`,
  }),
  USER_READTHROUGH_FALLBACK_ENABLED: Type.Boolean({ default: true, description: 'true or false' }),
  USER_WEBHOOK_SYNC_ENABLED: Type.Boolean({ default: false, description: 'true or false' }),
  READTHROUGH_DEADLINE_MS: Type.Integer({
    minimum: 50,
    maximum: 60_000,
    default: 2000,
    description: 'milliseconds from 50 to 60000',
  }),
  READTHROUGH_NEGATIVE_TTL_S: Seconds(60, 0),
  READTHROUGH_RECHECK_S: Seconds(86_400, 0),
  RECONCILE_SCHEDULE: Type.Refine(
    Type.String({ default: '30 3 * * *', description: 'five fields of cron in UTC, or never' }),
    (text) => text === 'never' || isSchedule(text),
  ),
  ACCESS_TOKEN_TTL_S: Seconds(600),
  REFRESH_TOKEN_TTL_S: Seconds(2_592_000),
  REFRESH_GRACE_S: Seconds(30, 0),
  SESSION_MAX_AGE_S: Seconds(7_776_000),
  REKEY_WINDOW_S: Seconds(86_400, 0),
  DEFAULT_ORGANIZATION: Type.Optional(
    Type.Refine(
      Type.String({ description: 'the name or the slug of an organization, at most 200 characters' }),
      (text) => toOrganizationName(text) !== undefined,
    ),
  ),
  LOGIN_RATE_PER_MINUTE: Type.Integer({ minimum: 1, default: 600, description: 'a whole number from 1' }),
  FIELD_OWNERSHIP: Type.Object(
    {
      // People are found by their address: it has to be the upstream's.
      email: Type.Optional(Type.Literal('upstream')),
      emailVerified: Type.Optional(Owner),
      name: Type.Optional(Owner),
      avatarUrl: Type.Optional(Owner),
      status: Type.Optional(Owner),
      role: Type.Optional(Owner),
      passwordHash: Type.Optional(Owner),
    },
    {
      additionalProperties: false,
      default: {},
      description:
        'a comma list such as name=upstream,avatarUrl=local,role=newest (email is always upstream)',
    },
  ),
  TRUST_PROXY: Type.Array(Network, {
    default: [],
    description: 'a comma list of networks such as 10.0.0.0/8',
  }),
  REDIS_URL: Type.Optional(
    Type.String({ pattern: '^rediss?://', description: 'an address like redis://host:6379' }),
  ),
  HIDE: Type.Array(Type.Union([Type.Literal('metrics'), Type.Literal('docs')]), {
    default: [],
    description: 'a comma list out of metrics, docs',
  }),
  // Read by the sandbox, which fills the settings; here only so that a wrong value is named.
  FIRSTLOGIN_SANDBOX: Type.Optional(Type.Boolean({ description: 'true or false' })),
  LOG_LEVEL: Type.Union(
    ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'].map((level) => Type.Literal(level)),
    { default: 'info', description: 'a level of pino' },
  ),
})
export type Settings = Static<typeof Settings>

/** What the service runs on: all settings, and the upstreams that are on. */
export interface Config extends Omit<Settings, 'FIELD_OWNERSHIP' | 'UPSTREAMS'> {
  ownership: FieldOwnership
  upstreams: Upstream[]
  /** Pages on localhost and 127.0.0.1 may use the service, too. */
  isDevelopment?: boolean
}

type Env = Readonly<Record<string, string | undefined>>

/** All that is missing or wrong, by name and rule; values never appear. */
export class ConfigError extends Error {
  readonly problems: string[]

  constructor(problems: string[]) {
    super(`The settings are not valid:\n${problems.map((problem) => `  - ${problem}`).join('\n')}`)
    this.name = 'ConfigError'
    this.problems = problems
  }
}

/**
 * Reads the settings: `NAME`, or the file that `NAME_FILE` points to, or else the Docker secret of that name in lower case,
 * also with the prefix `mfa_`. Throws one ConfigError for all that is wrong.
 */
export function loadConfig(given: Env, { secretsFolder = '/run/secrets' } = {}): Config {
  const env: Env = withDockerSecrets(given, secretsFolder)
  const problems: string[] = []
  const settings = read(Settings, env, problems)
  // A default would sign tokens and set cookies for an address that is not the service's.
  if (env['NODE_ENV'] === 'production' && !env['BASE_URL'] && !env['BASE_URL_FILE'])
    problems.push(`BASE_URL is missing: ${describe(Settings.properties.BASE_URL)}`)
  const names: string[] =
    settings?.UPSTREAMS ?? read(Type.Pick(Settings, ['UPSTREAMS']), env, [])?.UPSTREAMS ?? []
  const configured: Upstream[] = []
  const isBesideVerified = upstreams.some((other) => other.verifiesEmails && names.includes(other.name))
  for (const definition of upstreams) {
    const own = names.includes(definition.name) ? read(definition.env, env, problems) : undefined
    if (own) configured.push(configureUpstream(definition, definition.beside?.(own, isBesideVerified) ?? own))
    const { webhookSecret } = definition
    if (own && webhookSecret && settings?.USER_WEBHOOK_SYNC_ENABLED && own[webhookSecret] === undefined)
      problems.push(`${webhookSecret} is missing: USER_WEBHOOK_SYNC_ENABLED needs it`)
  }
  if (!settings || problems.length > 0) throw new ConfigError(problems)
  const { FIELD_OWNERSHIP, UPSTREAMS: _, ...rest } = settings
  return {
    ...rest,
    ownership: { ...defaultOwnership, ...FIELD_OWNERSHIP },
    upstreams: configured,
    isDevelopment: env['NODE_ENV'] !== 'production',
  }
}

/** The values of one schema, or undefined after adding what is wrong to `problems`. */
function read<T extends TObject>(schema: T, env: Env, problems: string[]): Static<T> | undefined {
  const values: Record<string, unknown> = {}
  for (const [name, rule] of Object.entries<TSchema>(schema.properties)) {
    try {
      const text = readText(name, env)
      const value = text === undefined ? Value.Default(rule, undefined) : fromText(rule, text)
      if (value === undefined && schema.required?.includes(name))
        problems.push(`${name} is missing: ${describe(rule)}`)
      else if (value !== undefined && !Value.Check(rule, value))
        problems.push(`${name} must be ${describe(rule)}`)
      if (value !== undefined) values[name] = value
    } catch (error) {
      problems.push(error instanceof SettingError ? error.message : `${name} must be ${describe(rule)}`)
    }
  }
  return Value.Check(schema, values) ? values : undefined
}

class SettingError extends Error {}

function withDockerSecrets(env: Env, folder: string): Env {
  const schemas = [Settings, ...upstreams.map((definition) => definition.env)]
  const names = schemas.flatMap((schema) => Object.keys(schema.properties))
  const found: Record<string, string> = {}
  for (const name of names) {
    if (env[name] || env[`${name}_FILE`]) continue
    const files = [name, `MFA_${name}`].map((file) => join(folder, file.toLowerCase()))
    const file = files.find((path) => existsSync(path))
    if (file) found[`${name}_FILE`] = file
  }
  return { ...env, ...found }
}

/** An empty value counts as none; the line break at the end of a secret's file does not belong to it. */
function readText(name: string, env: Env): string | undefined {
  const [value, path] = [env[name], env[`${name}_FILE`]]
  if (value && path) throw new SettingError(`${name} and ${name}_FILE are both set: keep one`)
  if (!path) return value || undefined
  try {
    return readFileSync(path, 'utf8').replace(/\r?\n$/, '') || undefined
  } catch {
    throw new SettingError(`${name}_FILE cannot be read`)
  }
}

/** Environment variables are text: lists have commas, objects are JSON or `key=value` lists. */
function fromText(rule: TSchema, text: string): unknown {
  const type = 'type' in rule ? rule.type : undefined
  if (type === 'integer') return /^-?\d{1,15}$/.test(text) ? Number(text) : text
  if (type === 'boolean')
    return { true: true, '1': true, false: false, '0': false }[text.toLowerCase()] ?? text
  if (type === 'array' && 'areSecrets' in rule) return splitSecrets(text)
  if (type === 'array') return splitList(text)
  if (type === 'object' && text.trimStart().startsWith('{')) return JSON.parse(text)
  if (type === 'object') return Object.fromEntries(splitList(text).map(splitPair))
  return text
}

function splitList(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
}

/** Commas and spaces may belong to a secret: it is a list once a part of it could be a secret. */
function splitSecrets(text: string): string[] {
  const parts = splitList(text)
  return text.includes(',') && parts.some(isLongSecret) ? parts : [text]
}

function isLongSecret(secret: string): boolean {
  return Buffer.byteLength(secret) >= 32
}

function splitPair(pair: string): [name: string, value: string] {
  const [name = '', ...value] = pair.split('=')
  return [name.trim(), value.join('=').trim()]
}

function describe(rule: TSchema): string {
  return 'description' in rule && typeof rule.description === 'string' ? rule.description : 'of another form'
}
