// Tests of a server (spec domain.md §9), and what comes with redundancy only.
import { createRoute, z } from '@hono/zod-openapi'
import { OFF_TIME_S, WAIT_TIME_S } from '../../core/drill/preconditions.ts'
import { SYSTEM_NUMBER } from '../../core/limits/bounds.ts'
import { requireSight } from '../auth.ts'
import { ApiError, problems } from '../errors.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import { acceptOperation } from '../operations.ts'
import type { Deps } from '../ports.ts'
import { operationOf, operationSchema } from '../views.ts'
import { BEARER, COMMON, json, makeRouter, siteParam } from './open-api.ts'
import { ASKING, lookAt, serverParam, waitQuery } from './operations.ts'

const softResetSchema = z
  .strictObject({
    system: z.number().int().min(SYSTEM_NUMBER.min).max(SYSTEM_NUMBER.max),
    cluster: z.string().max(60).optional(),
  })
  .openapi('SoftResetTestAsk')

const seconds = ({ min, max }: { min: number; max: number }) => z.number().int().min(min).max(max)
const offTimeS = seconds(OFF_TIME_S).default(OFF_TIME_S.usual)

const pduSchema = z
  .discriminatedUnion('mode', [
    z.strictObject({
      mode: z.literal('same'),
      offTimeS,
      leaveUp: z
        .boolean()
        .default(false)
        .openapi({ description: 'The HA software is left up on purpose, to try the failover' }),
    }),
    z.strictObject({
      mode: z.literal('serial'),
      pdu: z.string().max(60).optional(),
      offTimeS,
      waitTimeS: seconds(WAIT_TIME_S).default(WAIT_TIME_S.usual),
    }),
  ])
  .openapi('PduTestAsk')

const body = <S extends z.ZodType>(schema: S) => ({
  content: { 'application/json': { schema } },
  required: true,
})

const postSoftReset = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/servers/{name}/tests/soft-reset',
  summary: 'Stop one system by its soft reset, and measure the time to its stop notice',
  description: 'It really stops the system, and never goes harder.',
  security: BEARER,
  request: { params: serverParam, headers: idempotencyHeader, body: body(softResetSchema) },
  responses: {
    202: json(operationSchema, 'Accepted'),
    ...problems(
      ...ASKING,
      'malformed-json',
      'unknown-system',
      'unknown-cluster',
      'ambiguous-system',
      'guest-reset-unavailable',
      'no-soft-method',
      'operation-in-progress',
    ),
  },
})

const postPdu = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/servers/{name}/tests/pdu',
  summary: 'Cut the feeds of a server, all together or one by one, and switch them on again',
  security: BEARER,
  request: { params: serverParam, headers: idempotencyHeader, body: body(pduSchema) },
  responses: {
    202: json(operationSchema, 'Accepted'),
    ...problems(
      ...ASKING,
      'malformed-json',
      'unknown-pdu',
      'too-few-feeds',
      'operation-in-progress',
      'test-in-progress',
    ),
  },
})

const getTest = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/servers/{name}/tests/{id}',
  summary: 'One test; with `wait` once it has ended',
  security: BEARER,
  request: { params: serverParam.extend({ id: z.string().max(60) }), query: waitQuery },
  responses: {
    200: json(operationSchema, 'The test'),
    ...problems(...COMMON, 'unknown-site', 'unknown-operation'),
  },
})

const ofManagementServer = (act: 'restore' | 'tests/pdu', summary: string) =>
  createRoute({
    method: 'post',
    path: `/v1/sites/{site}/management-servers/{name}/${act}` as const,
    summary,
    security: BEARER,
    request: { params: siteParam.extend({ name: z.string().min(1).max(60) }) },
    responses: problems(...COMMON, 'unknown-site', 'not-available'),
  })

export function testRoutes(deps: Deps) {
  const notAvailable = (): never => {
    const detail = 'acts on management servers come with a second agent, which carries them out'
    throw new ApiError('not-available', detail)
  }
  return makeRouter()
    .openapi(postSoftReset, async (c) => {
      const { site, name: server } = c.req.valid('param')
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const ask = { kind: 'soft-reset-test' as const, site, server, ...c.req.valid('json') }
      const view = await acceptOperation(deps, ask, { key, caller: c.var.caller })
      return c.json(view, 202, { location: placeOf(view) })
    })
    .openapi(postPdu, async (c) => {
      const { site, name: server } = c.req.valid('param')
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const ask = { kind: 'pdu-test' as const, site, server, test: c.req.valid('json') }
      const view = await acceptOperation(deps, ask, { key, caller: c.var.caller })
      return c.json(view, 202, { location: placeOf(view) })
    })
    .openapi(getTest, async (c) => {
      const { site, name, id } = c.req.valid('param')
      requireSight(c.var.caller, site)
      const waitMs = c.req.valid('query').wait * 1000
      const view = await lookAt(
        deps,
        id,
        (row) =>
          row.site === site && row.server === name && operationOf(row).operation !== 'restore',
        { waitMs, aborted: c.req.raw.signal },
      )
      return c.json(view, 200)
    })
    .openapi(ofManagementServer('restore', 'Not in this version'), notAvailable)
    .openapi(ofManagementServer('tests/pdu', 'Not in this version'), notAvailable)
}

function placeOf({ site, server, id }: { site: string; server: string; id: string }): string {
  return `/v1/sites/${site}/servers/${encodeURIComponent(server)}/tests/${id}`
}
