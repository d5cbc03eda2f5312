// The operator log: each change that is asked for over the API leaves one entry, the refused ones too. One
// middleware makes them all, from what every route has in common, so that no route can forget it. Nothing of a
// body is taken but names, and those only in the form of a name.
import type { Context, MiddlewareHandler } from 'hono'
import { matchedRoutes } from 'hono/route'
import type { Clock } from '../core/ports.ts'
import { maskSecrets } from '../core/secret-mask.ts'
import type { NewOperatorEntry } from '../db/operator-log.ts'
import { hashText } from '../protocol/chain.ts'
import { type Env, randomText } from './auth.ts'
import { describeError } from './errors.ts'
import type { AppDeps, Log } from './ports.ts'

type LogDeps = Pick<AppDeps, 'clock' | 'random' | 'log' | 'operatorLog' | 'remoteAddress'>

const READS = new Set(['GET', 'HEAD', 'OPTIONS'])
const USER_AGENT_MAX = 120
/** Entries a minute for strangers' refused requests: whoever has no token cannot fill the database. */
export const STRANGERS_PER_MINUTE = 60
const MINUTE_MS = 60_000
/** Bodies that name what they are about are small. */
const NAMED_BODY_MAX = 65_536

/** Must stand before everything that can refuse a request. */
export function logOperators(deps: LogDeps): MiddlewareHandler<Env> {
  const mayLogStranger = strangerLimit(deps)
  return async function logOperator(c, next) {
    if (READS.has(c.req.method)) return await next()
    const at = deps.clock.wall()
    await next()
    try {
      if (c.get('tokenId') === undefined && c.res.status >= 400 && !mayLogStranger()) return
      const entry = randomText(deps.random, 16)
      deps.operatorLog.record({ entry, at, ...(await describe(c, deps)) }, c)
    } catch (error) {
      deps.log('error', 'operator-log-failed', describeError(error))
    }
  }
}

async function describe(
  c: Context<Env>,
  { remoteAddress }: LogDeps,
): Promise<Omit<NewOperatorEntry, 'entry' | 'at'>> {
  const { method } = c.req
  const { path, params } = routeOf(c)
  const asked = await askedOf(c)
  const answered = await answerOf(c)
  const key = c.req.header('idempotency-key')
  const userAgent = c.req.header('user-agent')
  return {
    method: method.slice(0, 20),
    route: path,
    dryRun: c.req.query('dryRun') === 'true',
    site: nameOf(params['site']) ?? nameOf(asked['site']) ?? nameOf(answered['site']),
    subject: subjectOf(params, asked),
    tokenId: c.get('tokenId') ?? null,
    tokenName: c.get('caller')?.name.replace(/^key:/, '') ?? null,
    status: c.res.status,
    code: nameOf(answered['code']),
    made: c.res.status < 400 ? nameOf(answered['id']) : null,
    remoteAddress: remoteAddress(c)?.slice(0, 60) ?? null,
    keyHash: key === undefined ? null : hashText(key),
    userAgent:
      userAgent === undefined ? null : maskSecrets(userAgent).text.slice(0, USER_AGENT_MAX),
  }
}

/** The route whose method and path fit, as the OpenAPI document writes it, with the parameters of this path. */
function routeOf(c: Context<Env>): { path: string | null; params: Record<string, unknown> } {
  const routes = matchedRoutes(c).filter(({ path }) => !path.includes('*'))
  const route = routes.find(({ method }) => method === c.req.method) ?? routes[0]
  if (!route) return { path: null, params: {} }
  const given = c.req.path.split('/')
  const params: Record<string, unknown> = {}
  for (const [index, part] of route.path.split('/').entries()) {
    if (part.startsWith(':')) params[bare(part)] = decoded(given[index] ?? '')
  }
  return {
    path: route.path.replace(/:[A-Za-z]+(\{[^}]*\})?/g, (part) => `{${bare(part)}}`),
    params,
  }
}

/** Of `:name{pattern}` the name. */
function bare(part: string): string {
  return part.slice(1).replace(/\{.*$/, '')
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part)
  } catch {
    return ''
  }
}

/** The body, if the route has read it; one that it refused unread stays unread, a whole site is passed over. */
async function askedOf(c: Context<Env>): Promise<Record<string, unknown>> {
  const unread = Object.keys(c.req.bodyCache).length === 0
  if (unread || Number(c.req.header('content-length') ?? 0) > NAMED_BODY_MAX) return {}
  try {
    return asObject(await c.req.json())
  } catch {
    return {}
  }
}

async function answerOf(c: Context<Env>): Promise<Record<string, unknown>> {
  const type = c.res.headers.get('content-type') ?? ''
  if (!/^application\/(problem\+)?json\b/.test(type)) return {}
  try {
    return asObject(await c.res.clone().json())
  } catch {
    return {}
  }
}

/** What the change is about, within its site: a name or number of the path, else of the body. */
function subjectOf(params: Record<string, unknown>, asked: Record<string, unknown>): string | null {
  const { site: _, ...rest } = params
  const inPath = Object.values(rest).flatMap((value) => nameOf(value) ?? [])
  if (inPath.length > 0) return inPath.join('/')
  const target = asObject(asked['target'])
  const parts = [target['server'], target['cluster'], target['system']]
  const aimedAt = parts.flatMap((value) => nameOf(value) ?? [])
  if (aimedAt.length > 0) return aimedAt.join('/')
  return nameOf(asked['name'])
}

/** Only what has the form of a name or number: a secret that somebody put in its place is not kept. */
function nameOf(value: unknown): string | null {
  if (typeof value === 'number') return String(value)
  if (typeof value !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/.test(value)) return null
  return maskSecrets(value).text
}

function asObject(value: unknown): Record<string, unknown> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {}
}

/** What is beyond the limit is counted, and told in the log when the next minute begins. */
function strangerLimit({ clock, log }: { clock: Clock; log: Log }): () => boolean {
  let minuteEndsAt = 0
  let logged = 0
  let suppressed = 0
  return () => {
    if (clock.now() >= minuteEndsAt) {
      if (suppressed > 0) log('warn', 'operator-log-suppressed', { strangers: suppressed })
      minuteEndsAt = clock.now() + MINUTE_MS
      logged = 0
      suppressed = 0
    }
    if (logged >= STRANGERS_PER_MINUTE) {
      suppressed += 1
      return false
    }
    logged += 1
    return true
  }
}
