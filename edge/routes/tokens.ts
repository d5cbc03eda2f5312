// Bearer tokens: made once, shown once, known by their hash from then on.
import { createRoute, z } from '@hono/zod-openapi'
import { createToken, listTokens, revokeToken, type TokenRow } from '../../db/tokens.ts'
import { hashText } from '../../protocol/chain.ts'
import { hashToken, makeToken, randomText, requireAdmin } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import { cutPage, pageOf, pageQuery, readCursor } from '../paging.ts'
import type { Deps } from '../ports.ts'
import { BEARER, COMMON, json, makeRouter } from './open-api.ts'

const instant = z.string()

const tokenSchema = z
  .object({
    id: z.string(),
    name: z.string(),
    scope: z.enum(['read', 'operate', 'admin']),
    site: z.string().nullable(),
    cluster: z.string().nullable(),
    createdAt: instant,
    createdBy: z.string(),
    expiresAt: instant.nullable(),
    revokedAt: instant.nullable(),
  })
  .openapi('Token')

const createdTokenSchema = tokenSchema
  .extend({ token: z.string().openapi({ description: 'The secret; shown this once' }) })
  .openapi('CreatedToken')

const tokenBody = z
  .strictObject({
    name: z
      .string()
      .regex(/^[A-Za-z0-9][A-Za-z0-9._-]{0,59}$/, 'must be 1 to 60 of A-Z a-z 0-9 . _ -'),
    scope: z.enum(['read', 'operate', 'admin']),
    site: z.string().min(1).max(60).optional(),
    cluster: z.string().min(1).max(60).optional(),
    expiresInS: z.number().int().min(1).max(315_360_000).optional(),
  })
  .refine(({ scope, site }) => scope !== 'admin' || site === undefined, {
    path: ['site'],
    message: 'an admin token is for every site',
  })
  .refine(({ scope, site, cluster }) => cluster === undefined || (scope === 'operate' && site), {
    path: ['cluster'],
    message: 'only an operate token of one site can be bound to a cluster',
  })
  .openapi('TokenRequest')

const postToken = createRoute({
  method: 'post',
  path: '/v1/tokens',
  summary: 'Make a token',
  security: BEARER,
  request: {
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: tokenBody } } },
  },
  responses: {
    201: json(createdTokenSchema, 'The token with its secret'),
    ...problems(
      ...COMMON,
      'key-used',
      'malformed-json',
      'payload-too-large',
      'unsupported-media-type',
    ),
  },
})

const getTokens = createRoute({
  method: 'get',
  path: '/v1/tokens',
  summary: 'Tokens, without their secrets',
  security: BEARER,
  request: { query: z.object(pageQuery) },
  responses: { 200: json(pageOf(tokenSchema), 'One page'), ...problems(...COMMON) },
})

const deleteToken = createRoute({
  method: 'delete',
  path: '/v1/tokens/{id}',
  summary: 'Revoke a token',
  security: BEARER,
  request: { params: z.object({ id: z.string().max(60) }) },
  responses: { 204: { description: 'Revoked' }, ...problems(...COMMON, 'unknown-token') },
})

export function tokenRoutes(deps: Deps) {
  return makeRouter()
    .openapi(postToken, async (c) => {
      requireAdmin(c.var.caller)
      const header = c.req.valid('header')['idempotency-key']
      const { name, scope, site = null, cluster = null, expiresInS } = c.req.valid('json')
      const token = makeToken(deps.random)
      const nowMs = deps.clock.wallMs()
      const row = {
        id: tokenId(deps, header, c.var.caller.name),
        hash: hashToken(token),
        name,
        scope,
        site,
        cluster,
        createdAt: deps.clock.wall(),
        createdBy: c.var.caller.name,
        expiresAtMs: expiresInS === undefined ? null : nowMs + expiresInS * 1000,
      }
      if (!(await createToken(deps.db, row))) {
        const detail = `this key made ${row.id}; its secret was shown then: revoke it and make another`
        throw new ApiError('key-used', detail)
      }
      return c.json({ ...show({ ...row, revokedAt: null }), token }, 201)
    })
    .openapi(getTokens, async (c) => {
      requireAdmin(c.var.caller)
      const { limit, cursor } = c.req.valid('query')
      const [after] = readCursor(cursor, 1) ?? []
      const rows = await listTokens(deps.db, { limit: limit + 1, cursor: after })
      return c.json(
        cutPage(rows, limit, show, (row) => [row.id]),
        200,
      )
    })
    .openapi(deleteToken, async (c) => {
      requireAdmin(c.var.caller)
      const { id } = c.req.valid('param')
      if (!(await revokeToken(deps.db, id, deps.clock.wall()))) {
        throw new ApiError('unknown-token', 'there is no token of this id')
      }
      return c.body(null, 204)
    })
}

/** With a key the id follows from it, so that a request that comes twice makes one token. */
function tokenId(deps: Deps, header: string | undefined, caller: string): string {
  if (header === undefined) return `tok_${randomText(deps.random, 12)}`
  return `tok_${hashText(JSON.stringify(['token', caller, readIdempotencyKey(header)])).slice(0, 24)}`
}

function show(row: TokenRow): z.infer<typeof tokenSchema> {
  const { id, name, scope, site, cluster, createdAt, createdBy, expiresAtMs, revokedAt } = row
  const expiresAt =
    expiresAtMs === null ? null : new Date(expiresAtMs).toISOString().replace('Z', '000Z')
  return { id, name, scope, site, cluster, createdAt, createdBy, expiresAt, revokedAt }
}
