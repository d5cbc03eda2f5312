// Last-known values of what the agents watch (spec domain.md §5).
import { eq, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { observations } from './schema.ts'

export type ObservationRow = typeof observations.$inferSelect

/** Longest name that is kept apart; an index entry has a limit, and a report must never break on it. */
const NAME_MAX = 200

/** Takes up values; of one thing the newest reading stays, whatever order reports come in. */
export async function storeObservations(tx: Db, rows: readonly ObservationRow[]): Promise<void> {
  const newest = new Map<string, ObservationRow>()
  for (const row of rows) {
    const kept = { ...row, name: row.name.slice(0, NAME_MAX) }
    const key = JSON.stringify([kept.subject, kept.name, kept.attribute])
    const before = newest.get(key)
    if (!before || isNewer(kept, before)) newest.set(key, kept)
  }
  if (newest.size === 0) return
  const { site, subject, name, attribute } = observations
  await tx
    .insert(observations)
    .values([...newest.values()])
    .onConflictDoUpdate({
      target: [site, subject, name, attribute],
      set: {
        value: sql`excluded.value`,
        detail: sql`excluded.detail`,
        readAt: sql`excluded.read_at`,
        agent: sql`excluded.agent`,
        seq: sql`excluded.seq`,
      },
      setWhere: sql`(excluded.read_at, excluded.seq) > (${observations.readAt}, ${observations.seq})`,
    })
}

export async function listObservations(db: Db, site: string): Promise<ObservationRow[]> {
  return await db.select().from(observations).where(eq(observations.site, site))
}

/** A value as it is shown: without where it stands in the agent's journal. */
export type LastKnown = Omit<ObservationRow, 'site' | 'seq'>

/** By a statement written out: these are the most rows that are ever read at once, and all of them text. */
export async function listLastKnown(db: Db, site: string): Promise<readonly LastKnown[]> {
  return await db.execute<LastKnown & Record<string, unknown>>(sql`
    select subject, name, attribute, value, detail, read_at as "readAt", agent
    from ${observations} where ${eq(observations.site, site)}`)
}

function isNewer(row: ObservationRow, than: ObservationRow): boolean {
  return row.readAt === than.readAt ? row.seq > than.seq : row.readAt > than.readAt
}
