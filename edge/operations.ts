// Restores and tests asked for (spec domain.md §9): refused early where the control plane knows enough; the
// agent, which sees the devices, has the last word.
import { judgePduSettings, OFF_TIME_S, WAIT_TIME_S } from '../core/drill/preconditions.ts'
import { NOTICE_WITHIN_MS } from '../core/drill/soft-reset-test.ts'
import type { PduTestSettings } from '../core/operation.ts'
import { addressOf, plannedFeeds, resolveTarget } from '../core/planner.ts'
import { findServer, type Server, type SiteDocument } from '../core/site.ts'
import type { Db } from '../db/client.ts'
import { appendEvents } from '../db/events.ts'
import { findOperation, listOpenOperations, openOperation } from '../db/operations.ts'
import { storeOrders } from '../db/orders.ts'
import { listOpenResets } from '../db/resets.ts'
import { lockSite } from '../db/sites.ts'
import type { OperationOrder } from '../protocol/order.ts'
import { signOrder } from '../protocol/order-token.ts'
import { operationId } from '../protocol/reset-id.ts'
import { foldOperation } from '../protocol/reset-view.ts'
import { PROTOCOL_VERSION } from '../protocol/version.ts'
import { clustersOf, ORDER_LIFE_MS } from './acceptance.ts'
import { type Caller, requireOperate, requireSight, unknownSite } from './auth.ts'
import { ApiError, type ErrorCode } from './errors.ts'
import { hashBody, judgeReplay } from './idempotency.ts'
import type { Deps } from './ports.ts'
import { type OperationAnswer, operationOf } from './views.ts'

const OVERDUE_MARGIN_MS = 120_000
/** Looks before and after each cut of a test, and a BMC that boots. */
const OVERDUE_PER_CUT_MS = 240_000

export interface PduTestAsk {
  mode: PduTestSettings['mode']
  pdu?: string | undefined
  offTimeS?: number | undefined
  waitTimeS?: number | undefined
  leaveUp?: boolean | undefined
}

export type OperationAsk = { site: string; server: string } & (
  | { kind: 'restore' }
  | { kind: 'soft-reset-test'; system: number; cluster?: string | undefined }
  | { kind: 'pdu-test'; test: PduTestAsk }
)

interface Asking {
  key: string
  caller: Caller
}

/** Accepts a restore or test, or answers with the one that the same key asked for before. Throws ApiError. */
export async function acceptOperation(
  deps: Deps,
  ask: OperationAsk,
  asking: Asking,
): Promise<OperationAnswer> {
  requireSight(asking.caller, ask.site)
  const view = await deps.db.transaction((tx) => accept(tx, deps, ask, asking))
  await deps.hubs.dispatch(ask.site)
  deps.signals.notify('events')
  return view
}

async function accept(
  tx: Db,
  deps: Deps,
  ask: OperationAsk,
  { key, caller }: Asking,
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
    const view = operationOf(known)
    // One that only a report told of has no body to compare; an agent of another site may name any id.
    const agrees =
      known.site === ask.site && view.server === ask.server && view.operation === ask.kind
    if (known.bodyHash === null && !agrees) {
      throw new ApiError('idempotency-key-reused', 'this key was used with another request')
    }
    return view
  }
  const order: OperationOrder = {
    v: PROTOCOL_VERSION,
    id,
    site: ask.site,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + ORDER_LIFE_MS,
    revision: row.revision,
    target: { server: server.name },
    requestedBy: caller.name,
    ...contentOf(site, server, ask),
  }
  await refuseWhileBusy(tx, order)
  return await store(tx, deps, order, bodyHash)
}

type Content<O = OperationOrder> = O extends OperationOrder
  ? Omit<
      O,
      'v' | 'id' | 'site' | 'issuedAtMs' | 'expiresAtMs' | 'revision' | 'target' | 'requestedBy'
    >
  : never

function contentOf(site: SiteDocument, server: Server, ask: OperationAsk): Content {
  switch (ask.kind) {
    case 'restore': {
      if (server.feeds.length > 0) return { kind: 'restore', feeds: plannedFeeds(site, server) }
      throw new ApiError('no-feeds', `server ${server.name} has no feeds that could be switched`)
    }
    case 'soft-reset-test':
      return { kind: 'soft-reset-test', system: testedSystem(site, server, ask) }
    case 'pdu-test': {
      const refusal = judgePduSettings(server.name, server.feeds, ask.test)
      if (refusal) throw new ApiError(refusal.code as ErrorCode, refusal.detail)
      const { offTimeS = OFF_TIME_S.usual, waitTimeS = WAIT_TIME_S.usual, pdu, mode } = ask.test
      const test = {
        mode,
        ...(pdu === undefined ? {} : { pdu }),
        offTimeMs: offTimeS * 1000,
        waitTimeMs: waitTimeS * 1000,
        leaveUp: ask.test.leaveUp ?? false,
      }
      return { kind: 'pdu-test', feeds: plannedFeeds(site, server), test }
    }
  }
}

/** Systems do not register yet: any system of the document that is on this server may be tested. */
function testedSystem(
  site: SiteDocument,
  server: Server,
  ask: { system: number; cluster?: string | undefined },
) {
  const target = resolveTarget(site, ask)
  if ('code' in target) throw new ApiError(target.code, target.detail)
  if (target.server.name !== server.name || !target.system) {
    const detail = `system ${ask.system} is not on server ${server.name}`
    throw new ApiError('unknown-system', detail)
  }
  if (server.softMethod === 'none') {
    throw new ApiError('no-soft-method', `server ${server.name} has softMethod none`)
  }
  return addressOf(target.system)
}

async function refuseWhileBusy(tx: Db, { site, target, kind }: OperationOrder): Promise<void> {
  const { server } = target
  const open = (await listOpenResets(tx, site)).find(
    (reset) => reset.server === server && reset.status !== 'unknown',
  )
  if (open) {
    const detail = `a reset of ${server} is open; its own recovery comes first`
    throw new ApiError('reset-already-open', detail, { reset: open.id })
  }
  if (kind === 'restore') return
  const others = (await listOpenOperations(tx, site)).filter(({ status }) => status !== 'unknown')
  const same = others.find((operation) => operation.server === server)
  if (same) {
    const { operation } = operationOf(same)
    throw new ApiError('operation-in-progress', `a ${operation} of ${server} is in progress`)
  }
  const test = others.find((other) => operationOf(other).operation === 'pdu-test')
  if (test && kind === 'pdu-test') {
    const detail = `a PDU test of ${test.server} is under way: one at a time`
    throw new ApiError('test-in-progress', detail)
  }
}

async function store(
  tx: Db,
  deps: Deps,
  order: OperationOrder,
  bodyHash: string,
): Promise<OperationAnswer> {
  const { id, site, kind, issuedAtMs, expiresAtMs, requestedBy } = order
  const folded = foldOperation([], order)
  if (!folded) throw new Error(`order ${id} folds to no operation`)
  const requestedAt = deps.clock.wall()
  const { server, status } = folded
  const view = { ...folded, requestedAt }
  await openOperation(tx, { id, site, server, bodyHash, status, view, requestedAt })
  const token = await signOrder(order, deps.key.sign)
  const timing = { issuedAtMs, expiresAtMs, overdueAtMs: expiresAtMs + longestMs(order) }
  await storeOrders(tx, [{ id, site, kind, token, content: order, ...timing }])
  const payload = { id, server, operation: kind, status, requestedBy }
  await appendEvents(tx, [{ site, type: 'operation', at: requestedAt, payload }])
  return operationOf({ view })
}

function longestMs(order: OperationOrder): number {
  switch (order.kind) {
    case 'restore':
      return OVERDUE_MARGIN_MS
    case 'soft-reset-test':
      return OVERDUE_MARGIN_MS + NOTICE_WITHIN_MS
    case 'pdu-test': {
      const { offTimeMs, waitTimeMs } = order.test
      const cutMs = offTimeMs + waitTimeMs + OVERDUE_PER_CUT_MS
      return OVERDUE_MARGIN_MS + order.feeds.length * cutMs
    }
  }
}
