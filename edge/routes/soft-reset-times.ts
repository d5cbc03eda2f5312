// How long soft resets of a server took, and the hard timer that follows from them.
import { createRoute, z } from '@hono/zod-openapi'
import { planReset } from '../../core/planner.ts'
import { findServer } from '../../core/site.ts'
import { recommendHardResetAfter } from '../../core/soft-reset-times.ts'
import type { Db } from '../../db/client.ts'
import { listNoticedOrders, listRecordsOfOrders } from '../../db/records.ts'
import { type JournalRecord, recordSchema } from '../../protocol/report.ts'
import { softResetTime } from '../../protocol/soft-reset-time.ts'
import { requireSight } from '../auth.ts'
import { findConfigured } from '../configured.ts'
import { ApiError, problems } from '../errors.ts'
import type { Deps } from '../ports.ts'
import { BEARER, COMMON, json, makeRouter } from './open-api.ts'
import { serverParam } from './operations.ts'

/** Resets and tests looked at, the newest first. */
const ORDERS_MAX = 50
const RECORDS_MAX = 5000

const timesSchema = z
  .object({
    server: z.string(),
    hardResetAfterMs: z.number().int().openapi({ description: 'As configured' }),
    times: z.array(z.object({ order: z.string(), at: z.string(), tookMs: z.number() })),
    recommended: z
      .object({
        maxMs: z.number(),
        marginMs: z.number(),
        hardResetAfterMs: z
          .number()
          .int()
          .nullable()
          .openapi({ description: 'Null when the longest timer is still too short' }),
      })
      .nullable()
      .openapi({ description: 'Null while nothing was measured' }),
  })
  .openapi('SoftResetTimes')

const getTimes = createRoute({
  method: 'get',
  path: '/v1/sites/{site}/servers/{name}/soft-reset-times',
  summary: 'Measured soft resets of a server, and the hardResetAfterMs that follows from them',
  security: BEARER,
  request: { params: serverParam },
  responses: {
    200: json(timesSchema, 'The times, the newest first'),
    ...problems(...COMMON, 'unknown-site', 'unknown-server', 'site-not-configured'),
  },
})

export function softResetTimeRoutes(deps: Deps) {
  return makeRouter().openapi(getTimes, async (c) => {
    const { site, name } = c.req.valid('param')
    requireSight(c.var.caller, site)
    const { site: document } = await findConfigured(deps.db, site)
    const server = findServer(document, name)
    if (!server) throw new ApiError('unknown-server', `no server is named "${name}"`)
    const times = await measured(deps.db, { site, server: name })
    const advice = recommendHardResetAfter(times.map(({ tookMs }) => tookMs))
    const { hardResetAfterMs } = planReset(document, { server }, 'ladder')
    const recommended = advice ? { hardResetAfterMs: null, ...advice } : null
    return c.json({ server: name, hardResetAfterMs, times, recommended }, 200)
  })
}

async function measured(db: Db, of: { site: string; server: string }) {
  const orders = await listNoticedOrders(db, of, ORDERS_MAX)
  const rows = await listRecordsOfOrders(db, of.site, orders, RECORDS_MAX)
  const records = new Map<string, JournalRecord[]>(orders.map((order) => [order, []]))
  for (const { order, record } of rows) {
    const parsed = recordSchema.safeParse(JSON.parse(record))
    if (order !== null && parsed.success) records.get(order)?.push(parsed.data)
  }
  return [...records].flatMap(([order, own]) => {
    const time = softResetTime(own)
    return time ? [{ order, ...time }] : []
  })
}
