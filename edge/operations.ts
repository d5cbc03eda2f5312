// Restores and tests asked for (spec domain.md §9): refused early where the control plane knows enough; the
// agent, which sees the devices, has the last word.
import { ownManagementServer } from '../core/drill/management-server.ts'
import { listAgents } from '../db/agents.ts'
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
import { documentOf } from './configured.ts'
import { ApiError } from './errors.ts'
import { hashBody, judgeReplay } from './idempotency.ts'
import { contentOf, findTarget, longestMs, type OperationAsk, refuse } from './operation-order.ts'
import type { Deps } from './ports.ts'
import { type OperationAnswer, operationOf } from './views.ts'

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
  const site = documentOf(ask.site, row)
  const target = findTarget(site, ask)
  const server = target.found.name
  requireOperate(caller, ask.site, clustersOf(site, server))
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
  if (ask.kind === 'pdu-test' && target.class === 'M') await refuseOwnManagementServer(tx, ask)
  const order: OperationOrder = {
    v: PROTOCOL_VERSION,
    id,
    site: ask.site,
    issuedAtMs: nowMs,
    expiresAtMs: nowMs + ORDER_LIFE_MS,
    revision: row.revision,
    requestedBy: caller.name,
    ...contentOf(site, target, ask),
  }
  await refuseWhileBusy(tx, order)
  return await store(tx, deps, order, bodyHash)
}

/** Only another agent may cut its feeds; which one acts is for the agents to say. */
async function refuseOwnManagementServer(tx: Db, { site, server }: OperationAsk): Promise<void> {
  const agents = await listAgents(tx, site)
  const alone = agents.length > 0 && agents.every(({ name }) => name === server)
  if (alone) refuse(ownManagementServer(server))
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
