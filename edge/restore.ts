// Feeds on again: what a reset cut, or left off (spec domain.md §9).
import { plannedFeeds } from '../core/planner.ts'
import { findServer, type SiteDocument } from '../core/site.ts'
import type { Db } from '../db/client.ts'
import { appendEvents } from '../db/events.ts'
import { findOperation, openOperation } from '../db/operations.ts'
import { storeOrders } from '../db/orders.ts'
import { listOpenResets } from '../db/resets.ts'
import { lockSite } from '../db/sites.ts'
import type { RestoreOrder } from '../protocol/order.ts'
import { signOrder } from '../protocol/order-token.ts'
import { operationId } from '../protocol/reset-id.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { clustersOf, ORDER_LIFE_MS } from './acceptance.ts'
import { type Caller, requireOperate, requireSight, unknownSite } from './auth.ts'
import { ApiError } from './errors.ts'
import { hashBody, judgeReplay } from './idempotency.ts'
import type { Deps } from './ports.ts'
import { type OperationAnswer, operationOf } from './views.ts'

const OVERDUE_AFTER_MS = 120_000

/** Accepts a restore, or answers with the one that the same key asked for before. Throws ApiError. */
export async function acceptRestore(
  deps: Deps,
  ask: { site: string; server: string },
  key: string,
  caller: Caller,
): Promise<OperationAnswer> {
  requireSight(caller, ask.site)
  const view = await deps.db.transaction((tx) => accept(tx, deps, ask, { key, caller }))
  await deps.hubs.dispatch(ask.site)
  deps.signals.notify('events')
  return view
}

async function accept(
  tx: Db,
  deps: Deps,
  ask: { site: string; server: string },
  { key, caller }: { key: string; caller: Caller },
): Promise<OperationAnswer> {
  const row = await lockSite(tx, ask.site)
  if (!row) throw unknownSite(ask.site)
  if (row.document === null) {
    throw new ApiError('site-not-configured', `site ${ask.site} has no document yet`)
  }
  const site = row.document as SiteDocument
  const server = findServer(site, ask.server)
  if (!server) throw new ApiError('unknown-server', `no server is named "${ask.server}"`)
  requireOperate(caller, ask.site, clustersOf(site, server.name))
  const nowMs = deps.clock.wallMs()
  const id = operationId(ask.site, key)
  const bodyHash = hashBody(ask)
  const known = await findOperation(tx, id)
  if (known) {
    judgeReplay(known, { bodyHash, nowMs })
    return operationOf(known)
  }
  if (server.feeds.length === 0) {
    throw new ApiError('no-feeds', `server ${server.name} has no feeds that could be switched`)
  }
  const open = (await listOpenResets(tx, ask.site)).find(
    (reset) => reset.server === server.name && reset.status !== 'unknown',
  )
  if (open) {
    const detail = `a reset of ${server.name} is open; its own recovery comes first`
    throw new ApiError('reset-already-open', detail, { reset: open.id })
  }
  const order: RestoreOrder = {
    v: PROTOCOL_VERSION,
    kind: 'restore',
    id,
    site: ask.site,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + ORDER_LIFE_MS,
    revision: row.revision,
    target: { server: server.name },
    feeds: plannedFeeds(site, server),
    requestedBy: caller.name,
  }
  return await store(tx, deps, order, bodyHash)
}

async function store(
  tx: Db,
  deps: Deps,
  order: RestoreOrder,
  bodyHash: string,
): Promise<OperationAnswer> {
  const { id, site, issuedAtMs, expiresAtMs } = order
  const server = order.target.server
  const requestedAt = deps.clock.wall()
  const view: OperationAnswer = {
    id,
    site,
    operation: 'restore',
    server,
    requestedBy: order.requestedBy,
    requestedAt,
    status: 'running',
    detail: null,
    startedAt: null,
    endedAt: null,
    steps: [],
  }
  await openOperation(tx, { id, site, server, bodyHash, status: 'running', view, requestedAt })
  const token = await signOrder(order, deps.key.sign)
  const timing = { issuedAtMs, expiresAtMs, overdueAtMs: expiresAtMs + OVERDUE_AFTER_MS }
  await storeOrders(tx, [{ id, site, kind: 'restore', token, content: order, ...timing }])
  const payload = { id, server, status: 'running', requestedBy: order.requestedBy }
  await appendEvents(tx, [{ site, type: 'operation', at: requestedAt, payload }])
  return view
}
