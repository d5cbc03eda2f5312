// What becomes of an order of which nothing is heard (spec api.md): never sent and expired, it failed for
// certain; sent and overdue, nothing is known of it, and the agent's record will replace that.
import type { Clock } from '../core/ports.ts'
import type { Db } from '../db/client.ts'
import { appendEvents } from '../db/events.ts'
import { closeUnheardOperation, findOperation } from '../db/operations.ts'
import {
  closeUnsent,
  findNextDueMs,
  listDueOrders,
  noteOverdue,
  type OrderRow,
} from '../db/orders.ts'
import { closeUnheardReset, findReset } from '../db/resets.ts'
import { lockSite } from '../db/sites.ts'
import { operationOf, resetOf } from './views.ts'

/** An overdue order whose agent is heard is looked at again after this time. */
const LOOK_AGAIN_MS = 10_000

interface Watch {
  site: string
  db: Db
  clock: Clock
}

interface Fate {
  status: 'failed' | 'unknown'
  code: string
  detail: string
}

const EXPIRED: Fate = {
  status: 'failed',
  code: 'order-expired',
  detail: 'no agent connected before the order expired; it was never sent',
}

const UNHEARD: Fate = {
  status: 'unknown',
  code: 'agent-not-heard',
  detail: 'the order is overdue and its agent is not heard; what it reports later replaces this',
}

const UNTAKEN: Fate = {
  status: 'unknown',
  code: 'order-not-taken',
  detail: 'its agent is connected and has not taken the order; what it refused stands in the audit',
}

/** `heard` holds the keys of the agents that are connected. Returns the ids of the orders whose standing changed. */
export async function settleDueOrders(watch: Watch, heard: ReadonlySet<string>): Promise<string[]> {
  const changed: string[] = []
  for (const order of await listDueOrders(watch.db, watch.site, watch.clock.wallMs())) {
    const fate = fateOf(order, heard)
    if (fate && (await settle(watch, order, fate))) changed.push(order.id)
  }
  return changed
}

/** Undefined for an order whose agent is at it still. */
function fateOf(order: OrderRow, heard: ReadonlySet<string>): Fate | undefined {
  if (order.sentAtMs === null) return EXPIRED
  if (order.sentTo === null || !heard.has(order.sentTo)) return UNHEARD
  return order.journalledAtMs === null ? UNTAKEN : undefined
}

/** When the hub has to look again; undefined when no order waits. */
export async function findNextAlarmMs(watch: Watch, nowMs: number): Promise<number | undefined> {
  const due = await listDueOrders(watch.db, watch.site, nowMs)
  if (due.some(({ sentAtMs }) => sentAtMs === null)) return nowMs
  const next = await findNextDueMs(watch.db, watch.site, nowMs)
  if (due.length === 0) return next
  return Math.min(next ?? Number.POSITIVE_INFINITY, nowMs + LOOK_AGAIN_MS)
}

async function settle({ db, site, clock }: Watch, order: OrderRow, fate: Fate): Promise<boolean> {
  return await db.transaction(async (tx) => {
    await lockSite(tx, site)
    const { id } = order
    if (fate === EXPIRED) {
      if (!(await closeUnsent(tx, id, clock.wallMs()))) return false
    } else {
      await noteOverdue(tx, id)
    }
    const ended = fate === EXPIRED
    const closing = {
      id,
      status: fate.status,
      endedAt: ended ? clock.wall() : null,
      endKnownAtMs: ended ? clock.wallMs() : null,
    }
    const server =
      order.kind === 'reset'
        ? await closeReset(tx, closing, fate)
        : await closeOperation(tx, closing, fate)
    if (server === undefined) return false
    const type = order.kind === 'reset' ? 'reset' : 'operation'
    const payload = { id, server, status: fate.status, code: fate.code }
    await appendEvents(tx, [{ site, type, at: clock.wall(), payload }])
    return true
  })
}

interface Closing {
  id: string
  status: Fate['status']
  endedAt: string | null
  endKnownAtMs: number | null
}

async function closeReset(tx: Db, closing: Closing, fate: Fate): Promise<string | undefined> {
  const row = await findReset(tx, closing.id)
  if (!row) return undefined
  const { status, endedAt } = closing
  const { code, detail } = fate
  const result = fate === EXPIRED ? ('FAIL' as const) : resetOf(row).result
  const view = { ...resetOf(row), status, result, code, detail, endedAt }
  const closed = await closeUnheardReset(tx, { ...closing, from: row.status, result, view })
  return closed ? row.server : undefined
}

async function closeOperation(tx: Db, closing: Closing, fate: Fate): Promise<string | undefined> {
  const row = await findOperation(tx, closing.id)
  if (!row) return undefined
  const { status, endedAt } = closing
  const view = { ...operationOf(row), status, detail: fate.detail, endedAt }
  const closed = await closeUnheardOperation(tx, { ...closing, from: row.status, view })
  return closed ? row.server : undefined
}
