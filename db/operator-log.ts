// The operator log: one entry for each change that was asked for over the API. Ids rise in the order of
// commits, as those of events do, so that a reader may go on after the last one it saw.
import { and, asc, eq, gt, gte, lt, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { operatorLog } from './schema.ts'

export type OperatorRow = typeof operatorLog.$inferSelect
export type NewOperatorEntry = Omit<OperatorRow, 'id'>

/** Held from the insert to the commit; any constant of our own. */
const OPERATOR_LOG_LOCK = 7_025_121

/** Stores each entry once, however often it comes. */
export async function appendOperatorEntries(
  db: Db,
  entries: readonly NewOperatorEntry[],
): Promise<void> {
  if (entries.length === 0) return
  await db.transaction(async (tx) => {
    await tx.execute(sql`select pg_advisory_xact_lock(${OPERATOR_LOG_LOCK})`)
    await tx
      .insert(operatorLog)
      .values([...entries])
      .onConflictDoNothing()
  })
}

export interface OperatorFilter {
  site?: string | undefined
  /** RFC 3339 with microseconds, inclusive. */
  from?: string | undefined
  /** RFC 3339 with microseconds, exclusive. */
  to?: string | undefined
}

/** Oldest first, those with an id above `after`. */
export async function listOperatorEntries(
  db: Db,
  filter: OperatorFilter,
  page: { after: number; limit: number },
): Promise<OperatorRow[]> {
  const { site, from, to } = filter
  return await db
    .select()
    .from(operatorLog)
    .where(
      and(
        gt(operatorLog.id, page.after),
        site === undefined ? undefined : eq(operatorLog.site, site),
        from === undefined ? undefined : gte(operatorLog.at, from),
        to === undefined ? undefined : lt(operatorLog.at, to),
      ),
    )
    .orderBy(asc(operatorLog.id))
    .limit(page.limit)
}
