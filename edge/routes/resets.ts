// Resets: asked for, watched, listed (spec api.md, `POST /v1/resets`).
import { createRoute, z } from '@hono/zod-openapi'
import { RESET_MODES } from '../../core/plan.ts'
import { findReset, listResets } from '../../db/resets.ts'
import { resetAcceptance } from '../acceptance.ts'
import { maySee, requireSight } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { shared } from '../gather.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import { cutPage, pageOf, pageQuery, readCursor } from '../paging.ts'
import type { Deps } from '../ports.ts'
import { isDecided, RESET_STATUSES, resetOf, resetSchema } from '../views.ts'
import { waitFor } from '../wait.ts'
import { BEARER, COMMON, json, makeRouter } from './open-api.ts'

const number = z.number().int().min(1).max(2_147_483_647)
const cluster = z.string().min(1).max(60)

const resetBody = z
  .strictObject({
    site: z.string().min(1).max(60),
    target: z.union([
      z.strictObject({ system: number, cluster: cluster.optional() }),
      z.strictObject({ server: z.string().min(1).max(60) }),
    ]),
    requester: z.strictObject({ system: number, cluster: cluster.optional() }).optional(),
    mode: z.enum(RESET_MODES).default('ladder'),
    reason: z.string().trim().min(1).max(500),
  })
  .openapi('ResetRequest')

const postReset = createRoute({
  method: 'post',
  path: '/v1/resets',
  summary: 'Ask for a reset',
  security: BEARER,
  request: {
    headers: idempotencyHeader,
    body: { required: true, content: { 'application/json': { schema: resetBody } } },
  },
  responses: {
    202: json(resetSchema, 'Accepted; the agent has the last word'),
    ...problems(
      ...COMMON,
      'idempotency-key-missing',
      'malformed-json',
      'unknown-site',
      'unknown-server',
      'unknown-system',
      'unknown-cluster',
      'ambiguous-system',
      'unknown-requester',
      'guest-reset-unavailable',
      'reset-already-open',
      'pair-guard',
      'requester-is-target',
      'requester-being-reset',
      'requester-reset-complete',
      'site-not-configured',
      'key-expired',
      'payload-too-large',
      'unsupported-media-type',
      'idempotency-key-reused',
    ),
  },
})

const resetParam = z.object({ id: z.string().max(60).openapi({ example: 'rst_0123' }) })

const getReset = createRoute({
  method: 'get',
  path: '/v1/resets/{id}',
  summary: 'One reset; with `wait` once it is decided whether the target is fenced',
  security: BEARER,
  request: {
    params: resetParam,
    query: z.object({ wait: z.coerce.number().min(0).max(60).default(0) }),
  },
  responses: {
    200: json(resetSchema, 'The reset'),
    ...problems(...COMMON, 'unknown-reset'),
  },
})

const getResets = createRoute({
  method: 'get',
  path: '/v1/resets',
  summary: 'Resets, newest first',
  security: BEARER,
  request: {
    query: z.object({
      ...pageQuery,
      site: z.string().max(60).optional(),
      server: z.string().max(60).optional(),
      status: z.enum(RESET_STATUSES).optional(),
    }),
  },
  responses: {
    200: json(pageOf(resetSchema), 'One page'),
    ...problems(...COMMON, 'unknown-site'),
  },
})

export function resetRoutes(deps: Deps) {
  const accept = resetAcceptance(deps)
  const find = shared((id) => findReset(deps.db, id))
  return makeRouter()
    .openapi(postReset, async (c) => {
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const view = await accept(c.req.valid('json'), key, c.var.caller)
      return c.json(view, 202, { location: `/v1/resets/${view.id}` })
    })
    .openapi(getReset, async (c) => {
      const { id } = c.req.valid('param')
      const look = async () => {
        const row = await find(id)
        if (!row || !maySee(c.var.caller, row.site)) {
          throw new ApiError('unknown-reset', 'there is no reset of this id')
        }
        return resetOf(row)
      }
      const waitMs = c.req.valid('query').wait * 1000
      const aborted = c.req.raw.signal
      return c.json(await waitFor(deps, `order:${id}`, { look, isDecided, waitMs, aborted }), 200)
    })
    .openapi(getResets, async (c) => {
      const { limit, cursor, ...filter } = c.req.valid('query')
      const { caller } = c.var
      if (filter.site !== undefined) requireSight(caller, filter.site)
      const [requestedAt, id] = readCursor(cursor, 2) ?? []
      const before = requestedAt === undefined || id === undefined ? undefined : { requestedAt, id }
      const rows = await listResets(
        deps.db,
        { ...filter, site: filter.site ?? caller.site },
        { limit: limit + 1, before },
      )
      return c.json(
        cutPage(rows, limit, resetOf, (row) => [row.requestedAt, row.id]),
        200,
      )
    })
}
