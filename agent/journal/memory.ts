// What a journal must not forget when old records go: orders that are open or have a loose effect, and the ids
// of all orders behind a watermark (spec architecture.md, decision 6). Pure.
import { decodeJwt } from 'jose'
import {
  emptyReplayMemory,
  forgetOrders,
  type ReplayMemory,
  rememberOrder,
} from '../../protocol/replay.ts'
import type { JournalRecord } from '../../protocol/report.ts'

/** Ids older than this, and more than so many, fall behind the watermark. */
const IDS_KEPT_MS = 30 * 86_400_000
const IDS_MAX = 20_000

export interface OpenOrder {
  order: string
  open: boolean
  /** Shots without an answer, or with a lost one, that nothing has settled. */
  loose: Set<number>
  records: JournalRecord[]
}

export interface JournalMemory {
  replay: ReplayMemory
  /** Orders that are open or have a loose shot. */
  orders: Map<string, OpenOrder>
}

export function emptyMemory(): JournalMemory {
  return { replay: emptyReplayMemory(), orders: new Map() }
}

/** Takes up a durable record. Records come by ascending sequence. */
export function noteRecord(memory: JournalMemory, record: JournalRecord): void {
  if (!('order' in record) || record.order === null) return
  const issuedAtMs = issuedAt(record)
  if (issuedAtMs !== undefined) rememberOrder(memory.replay, { id: record.order, issuedAtMs })
  const order = orderOf(memory, record)
  if (order === undefined) return
  order.records.push(record)
  applyRecord(order, record)
  if (!order.open && order.loose.size === 0) memory.orders.delete(order.order)
}

function applyRecord(order: OpenOrder, record: JournalRecord): void {
  switch (record.kind) {
    case 'accepted':
    case 'operation':
      order.open = true
      return
    case 'ended':
    case 'operation-ended':
      order.open = false
      return
    case 'intent':
      order.loose.add(record.shot.id)
      return
    case 'answer':
      if (record.answer !== 'lost') order.loose.delete(record.shot)
      return
    case 'settled':
      order.loose.delete(record.shot)
      return
    default:
  }
}

/** Only an acceptance opens an order; an intent is kept even if its acceptance is not here. */
function orderOf(memory: JournalMemory, record: JournalRecord): OpenOrder | undefined {
  if (!('order' in record) || record.order === null) return undefined
  const known = memory.orders.get(record.order)
  if (known !== undefined) return known
  if (record.kind !== 'accepted' && record.kind !== 'operation' && record.kind !== 'intent') {
    return undefined
  }
  const order = { order: record.order, open: false, loose: new Set<number>(), records: [] }
  memory.orders.set(record.order, order)
  return order
}

/** Orders of the LAN path carry no token: their record's own instant stands in. */
function issuedAt(record: JournalRecord): number | undefined {
  if (record.kind !== 'accepted' && record.kind !== 'operation' && record.kind !== 'refused') {
    return undefined
  }
  const recordedAtMs = Date.parse(record.at)
  if (record.token === null) return recordedAtMs
  try {
    const { order } = decodeJwt<{ order?: { issuedAtMs?: unknown } }>(record.token)
    return typeof order?.issuedAtMs === 'number' ? order.issuedAtMs : recordedAtMs
  } catch {
    return recordedAtMs
  }
}

/** The watermark that keeps the memory of ids within its bounds; it never falls. */
export function nextWatermark(replay: ReplayMemory): number {
  const issued = [...replay.seen.values()].sort((a, b) => b - a)
  const newest = issued[0] ?? 0
  const tooMany = issued[IDS_MAX]
  const byCount = tooMany === undefined ? 0 : tooMany + 1
  return Math.max(replay.watermarkMs, newest - IDS_KEPT_MS, byCount)
}

export function forgetBefore(memory: JournalMemory, watermarkMs: number): void {
  forgetOrders(memory.replay, watermarkMs, new Set(memory.orders.keys()))
}
