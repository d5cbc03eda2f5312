// Server-sent events: what changes, as it changes. A reader that comes back with Last-Event-ID misses none.
import { createRoute, z } from '@hono/zod-openapi'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import { findLastEventId, listEventsAfter } from '../../db/events.ts'
import { isTokenLive } from '../../db/tokens.ts'
import { requireSight } from '../auth.ts'
import { describeError, problems } from '../errors.ts'
import type { Deps, Listener } from '../ports.ts'
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
    const { caller, tokenId } = c.var
    const { site = caller.site } = c.req.valid('query')
    if (site !== undefined) requireSight(caller, site)
    const resumed = c.req.valid('header')['last-event-id']
    const after = resumed ?? (await findLastEventId(deps.db))
    return streamSSE(c, async (out) => {
      const listener = deps.signals.listen('events')
      out.onAbort(() => listener.close())
      try {
        await tell(deps, out, { site, tokenId, after, listener })
      } catch (error) {
        deps.log('error', 'events-failed', describeError(error))
      } finally {
        listener.close()
      }
    })
  })
}

interface Reader {
  site: string | undefined
  tokenId: string
  after: number
  listener: Listener
}

/** Until the reader goes, the control plane stops, or the token is good no more. */
async function tell(deps: Deps, out: SSEStreamingApi, reader: Reader): Promise<void> {
  const { db, clock } = deps
  const { site, tokenId, listener } = reader
  let { after } = reader
  let quietSince = clock.now()
  await out.write(': connected\n\n')
  while (!out.aborted && !out.closed) {
    const events = await listEventsAfter(db, after, { site }, BATCH)
    const isQuiet = events.length === 0
    const beats = isQuiet && clock.now() - quietSince >= HEARTBEAT_EVERY_MS
    if ((beats || !isQuiet) && !(await isTokenLive(db, tokenId, clock.wallMs()))) return
    for (const { id, type, at, payload, site: of } of events) {
      const content = JSON.stringify({ id, type, site: of, at, payload })
      await out.writeSSE({ id: String(id), event: type, data: content })
      after = id
    }
    if (beats) await out.write(': heartbeat\n\n')
    if (beats || !isQuiet) quietSince = clock.now()
    if (events.length < BATCH && !(await listener.next(LOOK_EVERY_MS))) return
  }
}
