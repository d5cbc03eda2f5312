// Restores of a server's feeds.
import { createRoute, z } from '@hono/zod-openapi'
import { findOperation } from '../../db/operations.ts'
import { requireSight } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import type { Deps } from '../ports.ts'
import { acceptRestore } from '../restore.ts'
import { operationOf, operationSchema } from '../views.ts'
import { waitFor } from '../wait.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'

const postRestore = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/servers/{name}/restore',
  summary: 'Switch all feeds of a server on',
  security: BEARER,
  request: {
    params: siteParam.extend({ name: z.string().min(1).max(60) }),
    headers: idempotencyHeader,
  },
  responses: {
    202: json(operationSchema, 'Accepted'),
    ...problems(
      ...COMMON,
      'idempotency-key-missing',
      'unknown-site',
      'unknown-server',
      'no-feeds',
      'reset-already-open',
      'site-not-configured',
      'key-expired',
      'idempotency-key-reused',
    ),
  },
})

const getOperation = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/operations/{id}',
  summary: 'One operation; with `wait` once it has ended',
  security: BEARER,
  request: {
    params: siteParam.extend({ id: z.string().max(60) }),
    query: z.object({ wait: z.coerce.number().min(0).max(60).default(0) }),
  },
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
      const view = await acceptRestore(deps, { site, server: name }, key, c.var.caller)
      return c.json(view, 202, { location: `/v1/sites/${site}/operations/${view.id}` })
    })
    .openapi(getOperation, async (c) => {
      const { site, id } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const look = async () => {
        const row = await findOperation(deps.db, id)
        if (row?.site !== site) {
          throw new ApiError('unknown-operation', 'there is no operation of this id')
        }
        return operationOf(row)
      }
      const waitMs = c.req.valid('query').wait * 1000
      const isDecided = ({ endedAt }: { endedAt: string | null }) => endedAt !== null
      const aborted = c.req.raw.signal
      return c.json(await waitFor(deps, `order:${id}`, { look, isDecided, waitMs, aborted }), 200)
    })
}
