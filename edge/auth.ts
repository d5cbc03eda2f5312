// Who calls, and what they may do. Tokens are known by their hash only; what belongs to another site is not
// there for whoever may not see it.
import type { MiddlewareHandler } from 'hono'
import type { Random } from '../core/ports.ts'
import { findLiveToken, isTokenLive, type TokenRow } from '../db/tokens.ts'
import { hashText } from '../protocol/chain.ts'
import { toBase64Url } from './base64url.ts'
import { ApiError } from './errors.ts'
import { shared } from './gather.ts'
import type { Deps } from './ports.ts'

export interface Caller {
  /** As it stands in records: `key:NAME`. */
  name: string
  scope: TokenRow['scope']
  /** Undefined: every site. */
  site: string | undefined
  /** Undefined: every cluster. */
  cluster: string | undefined
}

/** Neither is set before the caller is known. */
export type Env = { Variables: { caller: Caller; tokenId: string } }

/** 256 bits, so that guessing is hopeless and a plain hash keeps them. */
export function makeToken(random: Random): string {
  return `pal_${randomText(random, 32)}`
}

export function randomText(random: Random, bytes: number): string {
  return toBase64Url(random.bytes(bytes))
}

export function hashToken(token: string): string {
  return hashText(token)
}

/** An answer that took longer, such as a long poll, is given only to a token that is good still. */
const LOOK_AGAIN_AFTER_MS = 1000

/** Every credential costs one hash and a look-up, whatever is wrong with it. */
export function authenticate(deps: Pick<Deps, 'db' | 'clock'>): MiddlewareHandler<Env> {
  // A burst comes with one token: none of its requests is judged by a look that began before it came.
  const findToken = shared((hash) => findLiveToken(deps.db, hash, deps.clock.wallMs()))
  return async function authenticateCaller(c, next) {
    const [scheme, credential, ...rest] = (c.req.header('authorization') ?? '').split(' ')
    const isBearer = scheme?.toLowerCase() === 'bearer' && rest.length === 0
    const row = await findToken(hashToken(isBearer ? (credential ?? '') : ''))
    if (!row) throw unauthorized()
    c.set('tokenId', row.id)
    c.set('caller', {
      name: `key:${row.name}`,
      scope: row.scope,
      site: row.site ?? undefined,
      cluster: row.cluster ?? undefined,
    })
    const startedAt = deps.clock.now()
    await next()
    const isLate = c.req.method === 'GET' && deps.clock.now() - startedAt > LOOK_AGAIN_AFTER_MS
    if (isLate && !(await isTokenLive(deps.db, row.id, deps.clock.wallMs()))) throw unauthorized()
  }
}

export function unauthorized(): ApiError {
  return new ApiError('unauthorized', 'a valid bearer token is needed', {
    headers: { 'www-authenticate': 'Bearer' },
  })
}

export function unknownSite(site: string): ApiError {
  return new ApiError('unknown-site', `no site is named "${site.slice(0, 60)}"`)
}

export function maySee(caller: Caller, site: string): boolean {
  return caller.site === undefined || caller.site === site
}

export function requireSight(caller: Caller, site: string): void {
  if (!maySee(caller, site)) throw unknownSite(site)
}

/** `clusters` are those that the act would stop; a caller bound to one cluster may stop no other. */
export function requireOperate(caller: Caller, site: string, clusters: readonly string[]): void {
  requireSight(caller, site)
  if (caller.scope === 'read') throw forbidden('this token may only read')
  const { cluster } = caller
  if (cluster === undefined) return
  if (clusters.length === 0 || clusters.some((name) => name !== cluster)) {
    throw forbidden(`this token may act on systems of cluster "${cluster}" only`)
  }
}

export function requireAdmin(caller: Caller): void {
  if (caller.scope !== 'admin') throw forbidden('this needs an admin token')
}

function forbidden(detail: string): ApiError {
  return new ApiError('forbidden', detail)
}
