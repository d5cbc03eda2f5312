// The operator log, oldest entry first.
import { createRoute, z } from '@hono/zod-openapi'
import { listOperatorEntries, type OperatorRow } from '../../db/operator-log.ts'
import { requireAdmin } from '../auth.ts'
import { problems } from '../errors.ts'
import { instantBound } from '../instant-bound.ts'
import { cutPage, pageOf, pageQuery, readCursor } from '../paging.ts'
import type { Deps } from '../ports.ts'
import { BEARER, COMMON, json, makeRouter } from './open-api.ts'

const entrySchema = z
  .object({
    id: z.number().int(),
    at: z.string(),
    method: z.string(),
    route: z.string().nullable().openapi({ description: 'Null when no route matched' }),
    dryRun: z.boolean(),
    site: z.string().nullable(),
    subject: z.string().nullable().openapi({ description: 'What the change is about' }),
    token: z
      .object({ id: z.string(), name: z.string() })
      .nullable()
      .openapi({ description: 'Who asked; null for a caller that was not recognised' }),
    status: z.number().int(),
    code: z.string().nullable().openapi({ description: 'Of the problem, when it was refused' }),
    made: z
      .string()
      .nullable()
      .openapi({ description: 'Id of the reset, operation or token that it made' }),
    remoteAddress: z.string().nullable(),
    keyHash: z.string().nullable().openapi({ description: 'sha-256 of the Idempotency-Key' }),
    userAgent: z.string().nullable(),
  })
  .openapi('OperatorEntry')

const getOperatorLog = createRoute({
  method: 'get',
  path: '/v1/operator-log',
  summary: 'Every change that was asked for, the refused ones too, oldest first',
  security: BEARER,
  request: {
    query: z.object({
      ...pageQuery,
      site: z.string().min(1).max(60).optional(),
      from: instantBound.optional(),
      to: instantBound.optional(),
      after: z.coerce.number().int().min(0).default(0).openapi({
        description: 'Only entries with a higher id',
      }),
    }),
  },
  responses: { 200: json(pageOf(entrySchema), 'One page'), ...problems(...COMMON) },
})

export function operatorLogRoutes(deps: Deps) {
  return makeRouter().openapi(getOperatorLog, async (c) => {
    requireAdmin(c.var.caller)
    const { limit, cursor, after, ...filter } = c.req.valid('query')
    const [last = '0'] = readCursor(cursor, 1) ?? []
    const beyond = Math.max(after, /^\d{1,15}$/.test(last) ? Number(last) : 0)
    const rows = await listOperatorEntries(deps.db, filter, { after: beyond, limit: limit + 1 })
    return c.json(
      cutPage(rows, limit, show, (row) => [String(row.id)]),
      200,
    )
  })
}

function show(row: OperatorRow): z.infer<typeof entrySchema> {
  const { entry: _, tokenId, tokenName, ...rest } = row
  const token = tokenId === null ? null : { id: tokenId, name: tokenName ?? '' }
  return { ...rest, token }
}
