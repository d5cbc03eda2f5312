// An order on its way: a JWS by the control plane for one site, with a short life that is judged by the
// hub's time alone (spec architecture.md, decision 6).
import { decodeJwt } from 'jose'
import { z } from 'zod'
import { printable, type Refusal, refuse, signClaims, verifyClaims } from './jws.ts'
import type { SigningKey, VerifyingKey } from './keys.ts'
import { ORDER_TYPE, type Order, orderSchema } from './order.ts'
import { type BodyOf, ORDER_TOKEN_MAX, type ResetRequest, requestSchema } from './report.ts'
import { PROTOCOL_VERSION } from './version.ts'

/** An order lives at most an hour: the memory of ids may then be bounded. */
export const ORDER_LIFE_MAX_MS = 3_600_000
/** By how much the clocks of two control-plane processes may differ. */
const ISSUED_AHEAD_MAX_MS = 60_000

export type OrderRefusal = Refusal
export type OrderVerdict = { order: Order } | { refused: OrderRefusal; detail: string }

export function siteAudience(site: string): string {
  return `palisade:site:${site}`
}

/** Throws when the order breaks its own schema or outgrows a journal record: the caller planned it wrong. */
export async function signOrder(order: Order, key: SigningKey): Promise<string> {
  const parsed = orderSchema.parse(order)
  const fault = timeFault(parsed)
  if (fault !== undefined) throw new Error(`order ${order.id}: ${fault}`)
  const token = await signClaims(
    ORDER_TYPE,
    {
      aud: siteAudience(parsed.site),
      jti: parsed.id,
      iat: Math.floor(parsed.issuedAtMs / 1000),
      exp: Math.ceil(parsed.expiresAtMs / 1000),
      order: parsed,
    },
    key,
  )
  if (token.length <= ORDER_TOKEN_MAX) return token
  throw new Error(
    `order ${order.id}: ${token.length} characters signed, at most ${ORDER_TOKEN_MAX}`,
  )
}

/**
 * Accepts an order only when a pinned key signed it for this site and it has not expired at `nowMs`, the
 * hub's time (epoch ms). Whether it was seen before is for `replay.ts` to say.
 */
export async function verifyOrder(
  token: unknown,
  expected: { keys: readonly VerifyingKey[]; site: string; nowMs: number },
): Promise<OrderVerdict> {
  const verified = await verifyClaims(token, {
    type: ORDER_TYPE,
    keys: expected.keys,
    audience: siteAudience(expected.site),
    nowMs: expected.nowMs,
    tokenMax: ORDER_TOKEN_MAX,
  })
  if ('refused' in verified) return verified
  const version = versionSchema.safeParse(verified.claims)
  if (version.success && version.data.order.v !== PROTOCOL_VERSION) {
    return refuse(
      'unsupported-version',
      `order has version ${version.data.order.v}, this agent speaks ${PROTOCOL_VERSION}`,
    )
  }
  const parsed = claimsSchema.safeParse(verified.claims)
  if (!parsed.success) return refuse('malformed', firstIssue(parsed.error))
  return judge(parsed.data, expected)
}

function judge(
  claims: z.infer<typeof claimsSchema>,
  expected: { site: string; nowMs: number },
): OrderVerdict {
  const { order } = claims
  if (order.site !== expected.site) return refuse('wrong-audience', 'order is for another site')
  if (claims.jti !== order.id) return refuse('malformed', 'jti is not the id of the order')
  const fault = timeFault(order)
  if (fault !== undefined) return refuse('malformed', fault)
  if (order.issuedAtMs > expected.nowMs + ISSUED_AHEAD_MAX_MS) {
    return refuse('malformed', `issued ${order.issuedAtMs - expected.nowMs} ms ahead of the hub`)
  }
  if (order.expiresAtMs <= expected.nowMs) {
    return refuse('expired', `expired ${expected.nowMs - order.expiresAtMs} ms ago`)
  }
  return { order }
}

/**
 * What a token claims, for the record of its refusal. Nothing of it is verified; everything is bounded and
 * fits a journal record.
 */
export function peekOrder(token: unknown): {
  order: string | null
  token: string | null
  request: ResetRequest | null
} {
  if (typeof token !== 'string' || token.length > ORDER_TOKEN_MAX) {
    return { order: null, token: null, request: null }
  }
  try {
    const claimed = z.object({ order: z.unknown() }).parse(decodeJwt(token)).order
    const id = z.object({ id: idSchema }).safeParse(claimed)
    const request = z.object({ request: requestSchema }).safeParse(claimed)
    return {
      order: id.success ? id.data.id : null,
      token,
      request: request.success ? request.data.request : null,
    }
  } catch {
    return { order: null, token, request: null }
  }
}

/**
 * The record of an order that `verifyOrder` refused. Only what is certainly an order to this site is
 * attributed to its id: else a forgery that names a waiting order would end it.
 */
export function refusedOrder(
  token: unknown,
  verdict: { refused: OrderRefusal; detail: string },
): BodyOf<'refused'> {
  const claimed = peekOrder(token)
  const authentic = verdict.refused === 'expired' || verdict.refused === 'unsupported-version'
  return {
    kind: 'refused',
    order: authentic ? claimed.order : null,
    token: authentic ? claimed.token : null,
    code: verdict.refused,
    result: null,
    detail: verdict.detail,
    request: authentic ? claimed.request : null,
  }
}

const idSchema = z.string().regex(/^(rst|opr)_[0-9a-z]{26}$/)
const versionSchema = z.object({ order: z.object({ v: z.number() }) })
const claimsSchema = z.object({ jti: z.string(), exp: z.number(), order: orderSchema })

function timeFault(order: Order): string | undefined {
  const lifeMs = order.expiresAtMs - order.issuedAtMs
  if (lifeMs > 0 && lifeMs <= ORDER_LIFE_MAX_MS) return undefined
  return `expiresAtMs lies ${lifeMs} ms after issuedAtMs, allowed are 1 to ${ORDER_LIFE_MAX_MS}`
}

function firstIssue(error: z.ZodError): string {
  const [issue] = error.issues
  if (issue === undefined) return 'claims are not an order'
  return `${printable(issue.path.join('.'))}: ${printable(issue.message)}`
}
