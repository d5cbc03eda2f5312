// Resets as the control plane knows them: accepted here, then replaced by what the agents' records say.
import { and, asc, count, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { resets } from './schema.ts'

export type ResetRow = typeof resets.$inferSelect

export async function findReset(db: Db, id: string): Promise<ResetRow | undefined> {
  const [row] = await db.select().from(resets).where(eq(resets.id, id))
  return row
}

export async function findResets(db: Db, ids: readonly string[]): Promise<ResetRow[]> {
  return await db
    .select()
    .from(resets)
    .where(inArray(resets.id, [...ids]))
}

export type FoldedReset = Pick<
  ResetRow,
  | 'id'
  | 'site'
  | 'server'
  | 'status'
  | 'result'
  | 'fenced'
  | 'loose'
  | 'view'
  | 'requestedAt'
  | 'fencedAt'
  | 'endedAt'
>

/** Puts what the records say in the place of what was known; a row that is gone is made again. */
export async function storeFoldedReset(tx: Db, reset: FoldedReset, nowMs: number): Promise<void> {
  const { id, site, ...folded } = reset
  await tx
    .insert(resets)
    .values({
      ...reset,
      origin: 'agent',
      holds: false,
      endKnownAtMs: reset.endedAt === null ? null : nowMs,
    })
    .onConflictDoUpdate({
      target: resets.id,
      set: {
        ...folded,
        holds: sql`${resets.holds} and excluded.ended_at is null`,
        endKnownAtMs: sql`case when excluded.ended_at is null then null
          else coalesce(${resets.endKnownAtMs}, excluded.end_known_at_ms) end`,
      },
      setWhere: eq(resets.site, site),
    })
}

/**
 * Replaces status and view of a reset that no record has moved on since `status` was read. False when
 * one has: then the records have the last word.
 */
export async function closeUnheardReset(
  tx: Db,
  reset: {
    id: string
    from: string
    status: 'failed' | 'unknown'
    result: string | null
    view: unknown
    endedAt: string | null
    endKnownAtMs: number | null
  },
): Promise<boolean> {
  const { id, from, ...closed } = reset
  const moved = await tx
    .update(resets)
    .set({ ...closed, holds: false })
    .where(and(eq(resets.id, id), eq(resets.status, from), isNull(resets.endedAt)))
    .returning({ id: resets.id })
  return moved.length === 1
}

export async function listOpenResets(
  db: Db,
  site: string,
): Promise<Pick<ResetRow, 'id' | 'server' | 'status'>[]> {
  return await db
    .select({ id: resets.id, server: resets.server, status: resets.status })
    .from(resets)
    .where(and(eq(resets.site, site), isNull(resets.endedAt)))
    .orderBy(asc(resets.requestedAt))
}

/** Servers with an effect out about which no device has told. */
export async function listLooseServers(db: Db, site: string): Promise<string[]> {
  const rows = await db
    .selectDistinct({ server: resets.server })
    .from(resets)
    .where(and(eq(resets.site, site), or(resets.loose, eq(resets.status, 'unknown'))))
  return rows.map(({ server }) => server)
}

export interface ResetFilter {
  site?: string | undefined
  server?: string | undefined
  status?: string | undefined
}

/** Newest first, `limit` rows before the cursor. */
export async function listResets(
  db: Db,
  filter: ResetFilter,
  page: { limit: number; before?: { requestedAt: string; id: string } | undefined },
): Promise<ResetRow[]> {
  const { before } = page
  return await db
    .select()
    .from(resets)
    .where(
      and(
        filter.site === undefined ? undefined : eq(resets.site, filter.site),
        filter.server === undefined ? undefined : eq(resets.server, filter.server),
        filter.status === undefined ? undefined : eq(resets.status, filter.status),
        before === undefined
          ? undefined
          : or(
              lt(resets.requestedAt, before.requestedAt),
              and(eq(resets.requestedAt, before.requestedAt), lt(resets.id, before.id)),
            ),
      ),
    )
    .orderBy(desc(resets.requestedAt), desc(resets.id))
    .limit(page.limit)
}

/** How many resets ended how, for the metrics. */
export async function countResetsByResult(
  db: Db,
): Promise<{ site: string; status: string; result: string | null; resets: number }[]> {
  return await db
    .select({
      site: resets.site,
      status: resets.status,
      result: resets.result,
      resets: count(),
    })
    .from(resets)
    .groupBy(resets.site, resets.status, resets.result)
}
