// What grows without end and is no proof is kept for a while only. Records, heads, keys and resets never
// appear here: the audit is never pruned. Each call removes one batch and writes nothing when none is due.
import { and, asc, desc, inArray, lt, lte } from 'drizzle-orm'
import type { Db } from './client.ts'
import { events, operatorLog } from './schema.ts'

export interface EventBounds {
  /** RFC 3339 with microseconds: older ones go. */
  before: string
  /** Of more than so many the oldest go. */
  rowsMax: number
  batch: number
}

/** Removes the oldest events beyond the bounds; returns how many, at most `batch`. */
export async function pruneEvents(
  db: Db,
  { before, rowsMax, batch }: EventBounds,
): Promise<number> {
  const [beyond] = await db
    .select({ id: events.id })
    .from(events)
    .orderBy(desc(events.id))
    .offset(rowsMax)
    .limit(1)
  const due = await db
    .select({ id: events.id })
    .from(events)
    .where(beyond === undefined ? lt(events.at, before) : lte(events.id, beyond.id))
    .orderBy(asc(events.id))
    .limit(batch)
  if (due.length === 0) return 0
  const ids = due.map(({ id }) => id)
  const gone = await db.delete(events).where(inArray(events.id, ids)).returning({ id: events.id })
  return gone.length
}

/** Removes entries of the operator log from before an instant; returns how many, at most `batch`. */
export async function pruneOperatorLog(
  db: Db,
  { before, batch }: { before: string; batch: number },
): Promise<number> {
  const due = await db
    .select({ id: operatorLog.id })
    .from(operatorLog)
    .where(lt(operatorLog.at, before))
    .orderBy(asc(operatorLog.at))
    .limit(batch)
  if (due.length === 0) return 0
  const ids = due.map(({ id }) => id)
  const gone = await db
    .delete(operatorLog)
    .where(and(inArray(operatorLog.id, ids), lt(operatorLog.at, before)))
    .returning({ id: operatorLog.id })
  return gone.length
}
