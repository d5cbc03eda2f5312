// What agents report: every record is stored, always, and what the control plane shows is folded anew from
// all records of the orders concerned, in the same transaction (spec architecture.md, decision 4).
import { findAgent, noteProgress } from '../db/agents.ts'
import { type Db, together } from '../db/client.ts'
import { appendEvents, type NewEvent } from '../db/events.ts'
import { type ObservationRow, storeObservations } from '../db/observations.ts'
import { storeFoldedOperation } from '../db/operations.ts'
import { closeOrders, findOrders } from '../db/orders.ts'
import {
  type Chain,
  findContiguous,
  findHashAt,
  listRecordTexts,
  type RecordRow,
  storeHead,
  storeRecords,
} from '../db/records.ts'
import { type FoldedReset, storeFoldedResets } from '../db/resets.ts'
import { ensureSite, lockSite } from '../db/sites.ts'
import { ZERO_HASH } from '../protocol/chain.ts'
import { type Order, orderSchema } from '../protocol/order.ts'
import { type JournalRecord, recordSchema } from '../protocol/report.ts'
import { foldOperation, foldReset } from '../protocol/reset-view.ts'
import type { ReceivedRecord } from './report-batch.ts'

export interface Batch extends Chain {
  records: readonly ReceivedRecord[]
  head: { seq: number; hash: string; token: string }
  nowMs: number
  nowWall: string
}

export interface Stored {
  /** Highest sequence up to which nothing is missing. */
  received: number
  /** Of the site document that the agent says it holds. */
  revision: number
  epoch: number
  /** Orders whose standing may have changed. */
  orders: string[]
  /** The batch does not follow from what the agent reported before: a second history. */
  forked: boolean
}

/** Undefined when the agent's key is no longer the one that it is enrolled with. */
export async function storeReport(db: Db, batch: Batch): Promise<Stored | undefined> {
  await ensureSite(db, batch.site, batch.nowWall)
  return await db.transaction(async (tx) => {
    // Folds read all records of an order: without the lock two reports could each miss the other's.
    await lockSite(tx, batch.site)
    const agent = await findAgent(tx, batch.site, batch.agent)
    if (agent?.kid !== batch.kid) return undefined
    const forked = await isForked(tx, batch)
    const fresh = await storeFresh(tx, batch)
    const orders = [...new Set(fresh.flatMap(({ order }) => order ?? []))].sort()
    const events = await refold(tx, batch, orders)
    await storeObservations(tx, fresh.flatMap(observationOf))
    const received = await findContiguous(tx, batch, agent.received)
    const told = fresh.flatMap(({ parsed }) => parsed ?? [])
    const epoch = Math.max(agent.epoch, ...batch.records.map((record) => record.epoch))
    const revision = Math.max(
      agent.revision,
      ...told.map((record) => (record.kind === 'configured' ? record.revision : 0)),
    )
    await noteProgress(tx, { site: batch.site, name: batch.agent, received, revision, epoch })
    if (forked) events.push(forkEvent(batch))
    await appendEvents(tx, [...events, ...fresh.flatMap((record) => eventOf(record, batch))])
    return { received, revision, epoch, orders, forked }
  })
}

interface FreshRecord extends RecordRow {
  parsed: JournalRecord | undefined
}

async function storeFresh(tx: Db, batch: Batch): Promise<FreshRecord[]> {
  const { site, agent, kid, head } = batch
  const rows = batch.records.map((record): FreshRecord => {
    const parsed = recordSchema.safeParse(record.raw)
    return {
      hash: record.hash,
      site,
      agent,
      kid,
      seq: record.seq,
      kind: record.kind,
      order: parsed.success ? orderOf(parsed.data) : null,
      server: parsed.success ? serverOf(parsed.data) : null,
      at: record.at,
      record: record.text,
      parsed: parsed.data,
    }
  })
  const stored = await storeRecords(
    tx,
    rows.map(({ parsed: _, ...row }) => row),
  )
  await storeHead(tx, { site, agent, kid, ...head })
  return rows.filter(({ hash }) => stored.has(hash))
}

async function isForked(tx: Db, batch: Batch): Promise<boolean> {
  const [first] = batch.records
  if (!first) return false
  if (first.seq === 1) return first.prev !== ZERO_HASH
  const before = await findHashAt(tx, batch, first.seq - 1)
  return before !== undefined && before !== first.prev
}

function orderOf(record: JournalRecord): string | null {
  return 'order' in record ? record.order : null
}

const SERVER_CHARACTERS_MAX = 200

function serverOf(record: JournalRecord): string | null {
  const named = () => {
    switch (record.kind) {
      case 'accepted':
      case 'refused':
        return record.request?.server ?? null
      case 'operation':
        return record.target.server
      case 'noticed':
        return record.server
      case 'observed':
        return record.subject === 'server' ? record.name : null
      default:
        return null
    }
  }
  return named()?.slice(0, SERVER_CHARACTERS_MAX) ?? null
}

/** Folds orders from all of their records and stores the outcomes. Returns their events. */
async function refold(tx: Db, batch: Batch, ids: readonly string[]): Promise<NewEvent[]> {
  if (ids.length === 0) return []
  const { site, nowMs } = batch
  const [texts, rows] = await together(listRecordTexts(tx, site, ids), findOrders(tx, ids))
  const contents = new Map(rows.map(({ id, content }) => [id, content]))
  const resets: FoldedReset[] = []
  const ended: string[] = []
  const events: NewEvent[] = []
  for (const id of ids) {
    const records = (texts.get(id) ?? []).flatMap((text) => {
      const parsed = recordSchema.safeParse(JSON.parse(text))
      return parsed.success ? [parsed.data] : []
    })
    const order = orderIn(contents.get(id), site)
    const folded = id.startsWith('opr_')
      ? await refoldOperation(tx, batch, { id, records, order })
      : foldedReset(batch, { id, records, order })
    if (!folded) continue
    events.push(folded.event)
    if (folded.endedAt !== null) ended.push(id)
    if (folded.row) resets.push(folded.row)
  }
  await together(storeFoldedResets(tx, resets, nowMs), closeOrders(tx, site, ended))
  return events
}

interface Told {
  id: string
  records: JournalRecord[]
  order: Order | undefined
}

interface Folded {
  event: NewEvent
  endedAt: string | null
  row?: FoldedReset
}

function orderIn(content: unknown, site: string): Order | undefined {
  const parsed = orderSchema.safeParse(content)
  return parsed.success && parsed.data.site === site ? parsed.data : undefined
}

async function refoldOperation(
  tx: Db,
  { site, nowMs, nowWall }: Batch,
  { id, records, order }: Told,
): Promise<Folded | undefined> {
  const view = foldOperation(records, order?.kind === 'reset' ? undefined : order)
  if (!view) return undefined
  const requestedAt = requestedAtOf(order, view.startedAt ?? nowWall)
  const { server, status, endedAt } = view
  const row = { id, site, server, status, view: { ...view, requestedAt }, requestedAt, endedAt }
  await storeFoldedOperation(tx, row, nowMs)
  const payload = { id, server, status, endedAt }
  return { endedAt, event: { site, type: 'operation', at: nowWall, payload } }
}

function foldedReset({ site, nowWall }: Batch, { id, records, order }: Told): Folded | undefined {
  const view = foldReset(records, order?.kind === 'reset' ? order : undefined)
  if (!view) return undefined
  const { server, status, result, fenced, grade, recovery, requestedAt, fencedAt, endedAt } = view
  const loose = hasLooseShot(records)
  const row = { id, site, server, status, result, fenced, requestedAt, fencedAt, endedAt }
  const payload = { id, server, status, result, fenced, grade, recovery, endedAt }
  return {
    endedAt,
    row: { ...row, loose, view },
    event: { site, type: 'reset', at: nowWall, payload },
  }
}

function requestedAtOf(order: { issuedAtMs: number } | undefined, otherwise: string): string {
  if (!order) return otherwise
  return new Date(order.issuedAtMs).toISOString().replace('Z', '000Z')
}

/** An effect without an answer may still be handled by its device (spec architecture.md, "Never"). */
function hasLooseShot(records: readonly JournalRecord[]): boolean {
  const loose = new Set<number>()
  for (const record of records) if (record.kind === 'intent') loose.add(record.shot.id)
  for (const record of records) {
    if (record.kind === 'settled') loose.delete(record.shot)
    if (record.kind === 'answer' && record.answer !== 'lost') loose.delete(record.shot)
  }
  return loose.size > 0
}

function observationOf({ parsed, site, agent, seq }: FreshRecord): ObservationRow[] {
  if (parsed?.kind !== 'observed') return []
  const { subject, name, attribute, value, detail, readAt } = parsed
  return [{ site, subject, name, attribute, value, detail, readAt, agent, seq }]
}

function eventOf({ parsed, site }: FreshRecord, { agent, nowWall }: Batch): NewEvent[] {
  if (parsed?.kind === 'observed') {
    const { subject, name, attribute, value, readAt } = parsed
    const payload = { agent, subject, name, attribute, value, readAt }
    return [{ site, type: 'observed', at: nowWall, payload }]
  }
  if (parsed?.kind === 'alarm') {
    const { code, subject, detail, raised } = parsed
    return [{ site, type: 'alarm', at: nowWall, payload: { agent, code, subject, detail, raised } }]
  }
  if (parsed?.kind === 'configured') {
    const { revision, detail } = parsed
    return [{ site, type: 'configured', at: nowWall, payload: { agent, revision, detail } }]
  }
  return []
}

function forkEvent({ site, agent, nowWall }: Batch): NewEvent {
  const detail = `the journal of ${agent} does not follow from what it reported before`
  const payload = { agent, code: 'journal-forked', subject: agent, detail, raised: true }
  return { site, type: 'alarm', at: nowWall, payload }
}
