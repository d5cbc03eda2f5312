// Server-sent events: what changes, as it changes. A reader that comes back with Last-Event-ID misses none.
import { createRoute, z } from '@hono/zod-openapi'
import { type SSEStreamingApi, streamSSE } from 'hono/streaming'
import type { Clock } from '../../core/ports.ts'
import { type EventRow, findLastEventId, listEventsAfter } from '../../db/events.ts'
import { isTokenLive } from '../../db/tokens.ts'
import { requireSight } from '../auth.ts'
import { describeError, problems } from '../errors.ts'
import { shared } from '../gather.ts'
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
  const sources = sourcesOf(deps)
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
        await tell(deps.clock, sources, out, { site, tokenId, after, listener })
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

interface Sources {
  eventsAfter(after: number, site: string | undefined): Promise<EventRow[]>
  isTokenLive(id: string): Promise<boolean>
}

/** Readers are woken together, and most ask for the same. */
function sourcesOf({ db, clock }: Deps): Sources {
  const eventsAfter = shared(async (key) => {
    const { after, site }: { after: number; site?: string } = JSON.parse(key)
    return await listEventsAfter(db, after, { site }, BATCH)
  })
  return {
    eventsAfter: (after, site) => eventsAfter(JSON.stringify({ after, site })),
    isTokenLive: shared((id) => isTokenLive(db, id, clock.wallMs())),
  }
}

/** Until the reader goes, the control plane stops, or the token is good no more. */
async function tell(
  clock: Clock,
  { eventsAfter, isTokenLive }: Sources,
  out: SSEStreamingApi,
  { site, tokenId, listener, ...reader }: Reader,
): Promise<void> {
  let { after } = reader
  let quietSince = clock.now()
  await out.write(': connected\n\n')
  while (!out.aborted && !out.closed) {
    const events = await eventsAfter(after, site)
    const isQuiet = events.length === 0
    const beats = isQuiet && clock.now() - quietSince >= HEARTBEAT_EVERY_MS
    if ((beats || !isQuiet) && !(await isTokenLive(tokenId))) return
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
