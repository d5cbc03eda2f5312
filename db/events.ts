// The stream behind `GET /v1/events`. Its ids must rise in the order of commits, or a reader that goes on
// after the last id it saw would miss one.
import { and, asc, eq, gt, max, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { events } from './schema.ts'

export type EventRow = typeof events.$inferSelect
export type NewEvent = Omit<EventRow, 'id'>

/** Held from the insert to the commit; any constant of our own. */
export const EVENTS_LOCK = 7_025_120

/** Call it as the last write of a transaction: until the commit no other transaction can append. */
export async function appendEvents(tx: Db, rows: readonly NewEvent[]): Promise<void> {
  if (rows.length === 0) return
  await tx.execute(sql`select pg_advisory_xact_lock(${EVENTS_LOCK})`)
  await tx.insert(events).values([...rows])
}

export async function listEventsAfter(
  db: Db,
  after: number,
  filter: { site?: string | undefined },
  limit: number,
): Promise<EventRow[]> {
  return await db
    .select()
    .from(events)
    .where(
      and(
        gt(events.id, after),
        filter.site === undefined ? undefined : eq(events.site, filter.site),
      ),
    )
    .orderBy(asc(events.id))
    .limit(limit)
}

export async function findLastEventId(db: Db): Promise<number> {
  const [row] = await db.select({ id: max(events.id) }).from(events)
  return row?.id ?? 0
}
