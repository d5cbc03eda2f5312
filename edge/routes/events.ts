// Server-sent events: what changes, as it changes. A reader that comes back with Last-Event-ID misses none.
import { createRoute, z } from '@hono/zod-openapi'
import { streamSSE } from 'hono/streaming'
import { findLastEventId, listEventsAfter } from '../../db/events.ts'
import { requireSight } from '../auth.ts'
import { problems } from '../errors.ts'
import type { Deps } from '../ports.ts'
import { LOOK_EVERY_MS } from '../wait.ts'
import { BEARER, COMMON, makeRouter } from './open-api.ts'

const HEARTBEAT_EVERY_MS = 15_000
const BATCH = 200

const getEvents = createRoute({
  method: 'get',
  path: '/v1/events',
  summary: 'What changes, as server-sent events',
  security: BEARER,
  request: {
    query: z.object({ site: z.string().max(60).optional() }),
    headers: z.object({
      'last-event-id': z.coerce.number().int().min(0).optional(),
    }),
  },
  responses: {
    200: {
      description: 'A stream that does not end; a comment line every 15 s',
      content: { 'text/event-stream': { schema: z.string() } },
    },
    ...problems(...COMMON, 'unknown-site'),
  },
})

export function eventRoutes(deps: Deps) {
  return makeRouter().openapi(getEvents, async (c) => {
    const { caller } = c.var
    const { site = caller.site } = c.req.valid('query')
    if (site !== undefined) requireSight(caller, site)
    const resumed = c.req.valid('header')['last-event-id']
    let after = resumed ?? (await findLastEventId(deps.db))
    const listener = deps.signals.listen('events')
    return streamSSE(c, async (out) => {
      out.onAbort(() => listener.close())
      let quietSince = deps.clock.now()
      await out.write(': connected\n\n')
      while (!out.aborted && !out.closed) {
        const events = await listEventsAfter(deps.db, after, { site }, BATCH)
        for (const { id, type, at, payload, site: of } of events) {
          const content = JSON.stringify({ id, type, site: of, at, payload })
          await out.writeSSE({ id: String(id), event: type, data: content })
          after = id
        }
        if (events.length > 0) quietSince = deps.clock.now()
        if (deps.clock.now() - quietSince >= HEARTBEAT_EVERY_MS) {
          await out.write(': heartbeat\n\n')
          quietSince = deps.clock.now()
        }
        if (events.length < BATCH && !(await listener.next(LOOK_EVERY_MS))) break
      }
      listener.close()
    })
  })
}
