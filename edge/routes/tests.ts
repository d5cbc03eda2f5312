// Tests of servers and management servers (spec domain.md §9).
import { createRoute, z } from '@hono/zod-openapi'
import { MANAGEMENT_OFF_TIME_S } from '../../core/drill/management-server.ts'
import { OFF_TIME_S, WAIT_TIME_S } from '../../core/drill/preconditions.ts'
import { SYSTEM_NUMBER } from '../../core/limits/bounds.ts'
import type { MachineClass } from '../../core/operation.ts'
import type { OperationRow } from '../../db/operations.ts'
import { type Caller, requireSight } from '../auth.ts'
import { problems } from '../errors.ts'
import { idempotencyHeader, readIdempotencyKey } from '../idempotency.ts'
import { acceptOperation } from '../operations.ts'
import type { Deps } from '../ports.ts'
import { type OperationAnswer, operationOf, operationSchema } from '../views.ts'
import { BEARER, COMMON, json, makeRouter } from './open-api.ts'
import { ASKING, ASKING_MANAGEMENT, lookAt, serverParam, waitQuery } from './operations.ts'

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

const managementPduSchema = z
  .discriminatedUnion('mode', [
    z.strictObject({ mode: z.literal('same'), offTimeS }),
    z.strictObject({
      mode: z.literal('serial'),
      offTimeS: seconds(MANAGEMENT_OFF_TIME_S).default(MANAGEMENT_OFF_TIME_S.usual),
      waitTimeS: seconds(WAIT_TIME_S).default(WAIT_TIME_S.usual),
    }),
  ])
  .openapi('ManagementPduTestAsk')

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

const postManagementPdu = createRoute({
  method: 'post',
  path: '/v1/sites/{site}/management-servers/{name}/tests/pdu',
  summary: 'Cut the feeds of a management server and switch them on again',
  description:
    'Carried out by the agent of the other management server: no agent cuts the feeds of the machine that ' +
    'it runs on. After mode same power-on and a start of its agent may be due.',
  security: BEARER,
  request: { params: serverParam, headers: idempotencyHeader, body: body(managementPduSchema) },
  responses: {
    202: json(operationSchema, 'Accepted'),
    ...problems(
      ...ASKING_MANAGEMENT,
      'malformed-json',
      'too-few-feeds',
      'own-management-server',
      'operation-in-progress',
      'test-in-progress',
    ),
  },
})

const getTestOf = (machines: 'servers' | 'management-servers') =>
  createRoute({
    method: 'get',
    path: `/v1/sites/{site}/${machines}/{name}/tests/{id}` as const,
    summary: 'One test; with `wait` once it has ended',
    security: BEARER,
    request: { params: serverParam.extend({ id: z.string().max(60) }), query: waitQuery },
    responses: {
      200: json(operationSchema, 'The test'),
      ...problems(...COMMON, 'unknown-site', 'unknown-operation'),
    },
  })

export function testRoutes(deps: Deps) {
  const look = async (
    id: string,
    of: { caller: Caller; site: string; name: string; class: MachineClass },
    waiting: { waitMs: number; aborted: AbortSignal },
  ) => {
    requireSight(of.caller, of.site)
    const fits = (row: OperationRow) => {
      const { operation, class: found } = operationOf(row)
      const isOf = row.site === of.site && row.server === of.name && found === of.class
      return isOf && operation !== 'restore'
    }
    return await lookAt(deps, id, fits, waiting)
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
    .openapi(postManagementPdu, async (c) => {
      const { site, name: server } = c.req.valid('param')
      const key = readIdempotencyKey(c.req.valid('header')['idempotency-key'])
      const test = c.req.valid('json')
      const ask = { kind: 'pdu-test' as const, class: 'M' as const, site, server, test }
      const view = await acceptOperation(deps, ask, { key, caller: c.var.caller })
      return c.json(view, 202, { location: placeOf(view) })
    })
    .openapi(getTestOf('servers'), async (c) => {
      const { site, name, id } = c.req.valid('param')
      const waiting = { waitMs: c.req.valid('query').wait * 1000, aborted: c.req.raw.signal }
      const of = { caller: c.var.caller, site, name, class: 'P' as const }
      return c.json(await look(id, of, waiting), 200)
    })
    .openapi(getTestOf('management-servers'), async (c) => {
      const { site, name, id } = c.req.valid('param')
      const waiting = { waitMs: c.req.valid('query').wait * 1000, aborted: c.req.raw.signal }
      const of = { caller: c.var.caller, site, name, class: 'M' as const }
      return c.json(await look(id, of, waiting), 200)
    })
}

function placeOf(test: Pick<OperationAnswer, 'site' | 'server' | 'class' | 'id'>): string {
  const machines = test.class === 'M' ? 'management-servers' : 'servers'
  return `/v1/sites/${test.site}/${machines}/${encodeURIComponent(test.server)}/tests/${test.id}`
}
