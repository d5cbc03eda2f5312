// Restores of the feeds of servers and management servers, and every operation by its id.
import { createRoute, z } from '@hono/zod-openapi'
import { findOperation, type OperationRow } from '../../db/operations.ts'
import { requireSight } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import { acceptOperation } from '../operations.ts'
import type { Deps } from '../ports.ts'
import { operationOf, operationSchema } from '../views.ts'
import { waitFor } from '../wait.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'

export const serverParam = siteParam.extend({ name: z.string().min(1).max(60) })
export const waitQuery = z.object({ wait: z.coerce.number().min(0).max(60).default(0) })

const ASKING_OF_ANY = [
  ...COMMON,
  'idempotency-key-missing',
  'unknown-site',
  'no-feeds',
  'reset-already-open',
  'site-not-configured',
  'key-expired',
  'idempotency-key-reused',
] as const
/** Of every route that asks for an operation on a server. */
export const ASKING = [...ASKING_OF_ANY, 'unknown-server'] as const
/** The same on a management server. */
export const ASKING_MANAGEMENT = [...ASKING_OF_ANY, 'unknown-management-server'] as const

const postRestore = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/servers/{name}/restore',
  summary: 'Switch all feeds of a server on',
  security: BEARER,
  request: { params: serverParam, headers: idempotencyHeader },
  responses: { 202: json(operationSchema, 'Accepted'), ...problems(...ASKING) },
})

const postManagementRestore = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/management-servers/{name}/restore',
  summary: 'Switch all feeds of a management server on',
  security: BEARER,
  request: { params: serverParam, headers: idempotencyHeader },
  responses: { 202: json(operationSchema, 'Accepted'), ...problems(...ASKING_MANAGEMENT) },
})

const getOperation = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/operations/{id}',
  summary: 'One operation; with `wait` once it has ended',
  security: BEARER,
  request: { params: siteParam.extend({ id: z.string().max(60) }), query: waitQuery },
  responses: {
    200: json(operationSchema, 'The operation'),
    ...problems(...COMMON, 'unknown-site', 'unknown-operation'),
  },
})

export function operationRoutes(deps: Deps) {
  return makeRouter()
    .openapi(postRestore, async (c) => {
      const { site, name } = c.req.valid('param')
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const ask = { kind: 'restore' as const, site, server: name }
      const view = await acceptOperation(deps, ask, { key, caller: c.var.caller })
      return c.json(view, 202, { location: `/v1/sites/${site}/operations/${view.id}` })
    })
    .openapi(postManagementRestore, async (c) => {
      const { site, name } = c.req.valid('param')
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const ask = { kind: 'restore' as const, class: 'M' as const, site, server: name }
      const view = await acceptOperation(deps, ask, { key, caller: c.var.caller })
      return c.json(view, 202, { location: `/v1/sites/${site}/operations/${view.id}` })
    })
    .openapi(getOperation, async (c) => {
      const { site, id } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const waitMs = c.req.valid('query').wait * 1000
      const find = (row: OperationRow) => row.site === site
      return c.json(await lookAt(deps, id, find, { waitMs, aborted: c.req.raw.signal }), 200)
    })
}

/** An operation that fits; long-polled until it has ended. Throws ApiError. */
export async function lookAt(
  deps: Deps,
  id: string,
  fits: (row: OperationRow) => boolean,
  { waitMs, aborted }: { waitMs: number; aborted: AbortSignal },
) {
  const look = async () => {
    const row = await findOperation(deps.db, id)
    if (!row || !fits(row)) {
      throw new ApiError('unknown-operation', 'there is no operation of this id')
    }
    return operationOf(row)
  }
  const isDecided = ({ endedAt }: { endedAt: string | null }) => endedAt !== null
  return await waitFor(deps, `order:${id}`, { look, isDecided, waitMs, aborted })
}
