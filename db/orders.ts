// What the hub has to get to an agent. "Never sent" must be certain, so a send is claimed here first.
import { and, asc, eq, gt, isNull, lte, min, notInArray, or, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { storable } from './columns.ts'
import { agents, orders } from './schema.ts'

export type OrderRow = typeof orders.$inferSelect

export type NewOrder = Pick<
  OrderRow,
  'id' | 'site' | 'kind' | 'token' | 'content' | 'issuedAtMs' | 'expiresAtMs' | 'overdueAtMs'
>

export async function storeOrders(tx: Db, stored: readonly NewOrder[]): Promise<void> {
  await tx.insert(orders).values([...stored])
}

export async function findOrders(db: Db, ids: readonly string[]): Promise<OrderRow[]> {
  return await db.select().from(orders).where(isOneOf(ids))
}

/** An order that stands as sent, and so may leave. */
export interface SentOrder {
  id: string
  token: string
  /** Of the site document that it was planned by. */
  revision: number
  overdueAtMs: number
}

/**
 * Records that these orders are about to be sent to this agent, and returns them, oldest first: new ones, and
 * those whose arrival it has not acknowledged. One that went to another agent follows only to a successor,
 * which acts under a higher epoch; one that was never sent and has expired is not sent any more. Agents are
 * told apart by their keys: one that is enrolled in the place of another does not know what that one ran.
 */
export async function claimUndelivered(
  db: Db,
  agent: {
    site: string
    kid: string
    epoch: number
    nowMs: number
    /** Sent on this connection, and so on their way. */
    except: readonly string[]
  },
): Promise<SentOrder[]> {
  const { site, kid, epoch, nowMs, except } = agent
  const isEnrolled = sql`exists (select from ${agents}
    where ${agents.site} = ${site} and ${agents.kid} = ${kid})`
  const claimed = await db
    .update(orders)
    .set({
      sentAtMs: sql`coalesce(${orders.sentAtMs}, ${nowMs})`,
      sentTo: kid,
      sentEpoch: epoch,
    })
    .where(
      and(
        eq(orders.site, site),
        isEnrolled,
        eq(orders.closed, false),
        or(gt(orders.expiresAtMs, nowMs), sql`${orders.sentAtMs} is not null`),
        or(
          isNull(orders.sentTo),
          and(eq(orders.sentTo, kid), isNull(orders.journalledAtMs)),
          sql`${orders.sentEpoch} < ${epoch}`,
        ),
        except.length === 0 ? undefined : notInArray(orders.id, [...except]),
      ),
    )
    .returning({
      id: orders.id,
      token: orders.token,
      issuedAtMs: orders.issuedAtMs,
      overdueAtMs: orders.overdueAtMs,
      content: orders.content,
    })
  return claimed
    .sort((a, b) => a.issuedAtMs - b.issuedAtMs)
    .map(({ id, token, overdueAtMs, content }) => {
      return { id, token, overdueAtMs, revision: revisionOf(content) }
    })
}

/** Postgres itself cannot look into a document with NUL in it, such as in a reason. */
function revisionOf(content: unknown): number {
  const { revision } = content as { revision?: number }
  return revision ?? 0
}

/** One parameter, however many there are: the statement stays the same, and so prepared. */
function isOneOf(ids: readonly string[]) {
  return sql`${orders.id} in (
    select json_array_elements_text(${JSON.stringify(ids.map(storable))}::json))`
}

/** Closes an order that expired without ever having been sent. False when it was sent or closed first. */
export async function closeUnsent(tx: Db, id: string, nowMs: number): Promise<boolean> {
  const closed = await tx
    .update(orders)
    .set({ closed: true })
    .where(
      and(
        eq(orders.id, id),
        eq(orders.closed, false),
        isNull(orders.sentAtMs),
        lte(orders.expiresAtMs, nowMs),
      ),
    )
    .returning({ id: orders.id })
  return closed.length === 1
}

/** Takes an overdue order off the alarm; it stays to be delivered. */
export async function noteOverdue(tx: Db, id: string): Promise<void> {
  await tx.update(orders).set({ overdueNoted: true }).where(eq(orders.id, id))
}

/** Only within its own site: ids in reports are whatever an agent says. */
export async function closeOrders(tx: Db, site: string, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  await tx
    .update(orders)
    .set({ closed: true })
    .where(and(isOneOf(ids), eq(orders.site, site)))
}

/** Ids are whatever an agent says. */
export async function noteJournalled(
  db: Db,
  journalled: { ids: readonly string[]; site: string; nowMs: number },
): Promise<void> {
  const { ids, site, nowMs } = journalled
  await db.execute(sql`
    update orders set journalled_at_ms = ${nowMs}
    where site = ${site} and journalled_at_ms is null and ${isOneOf(ids)}`)
}

/** When an order next needs the hub: at its expiry while it is unsent, then when it is overdue. */
const dueAtMs = sql<number>`case when ${orders.sentAtMs} is null
  then ${orders.expiresAtMs} else ${orders.overdueAtMs} end`

function isWatched(site: string) {
  return and(eq(orders.site, site), eq(orders.closed, false), eq(orders.overdueNoted, false))
}

export async function listDueOrders(db: Db, site: string, nowMs: number): Promise<OrderRow[]> {
  return await db
    .select()
    .from(orders)
    .where(and(isWatched(site), sql`${dueAtMs} <= ${nowMs}`))
    .orderBy(asc(orders.issuedAtMs))
}

/** The first instant after `nowMs` at which an order needs the hub. */
export async function findNextDueMs(
  db: Db,
  site: string,
  nowMs: number,
): Promise<number | undefined> {
  const [row] = await db
    .select({ dueMs: min(dueAtMs) })
    .from(orders)
    .where(and(isWatched(site), sql`${dueAtMs} > ${nowMs}`))
  return row?.dueMs === null || row?.dueMs === undefined ? undefined : Number(row.dueMs)
}

/** Sites whose hub has something to watch, for a control plane that has just started. */
export async function listSitesWithOrders(db: Db): Promise<string[]> {
  const rows = await db
    .selectDistinct({ site: orders.site })
    .from(orders)
    .where(eq(orders.closed, false))
  return rows.map(({ site }) => site)
}
