// Resets as the control plane knows them: accepted here, then replaced by what the agents' records say.
import { and, asc, count, desc, eq, inArray, isNull, lt, or, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { storable } from './columns.ts'
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

/** Puts what the records say in the place of what was known; a row that is gone is made again. Ids differ. */
export async function storeFoldedResets(
  tx: Db,
  folded: readonly FoldedReset[],
  nowMs: number,
): Promise<void> {
  if (folded.length === 0) return
  await tx.execute(sql`
    insert into resets (id, site, server, origin, status, result, fenced, loose, holds, view,
      requested_at, fenced_at, ended_at, end_known_at_ms)
    select id, site, server, 'agent', status, result, fenced, loose, false, view::json,
      "requestedAt", "fencedAt", "endedAt", case when "endedAt" is null then null else ${nowMs}::bigint end
    from json_to_recordset(${JSON.stringify(folded.map(asTexts))}::json) as folded (
      id text, site text, server text, status text, result text, fenced boolean, loose boolean,
      view text, "requestedAt" text, "fencedAt" text, "endedAt" text)
    on conflict (id) do update set
      server = excluded.server, status = excluded.status, result = excluded.result,
      fenced = excluded.fenced, loose = excluded.loose, view = excluded.view,
      requested_at = excluded.requested_at, fenced_at = excluded.fenced_at,
      ended_at = excluded.ended_at,
      holds = resets.holds and excluded.ended_at is null,
      end_known_at_ms = case when excluded.ended_at is null then null
        else coalesce(resets.end_known_at_ms, excluded.end_known_at_ms) end
    where resets.site = excluded.site`)
}

/** The view as text: Postgres would not take a NUL within a document that it has to look into. */
function asTexts({ id, site, server, view, ...reset }: FoldedReset) {
  const { requestedAt, fencedAt, endedAt } = reset
  return {
    ...reset,
    ...{ id: storable(id), site, server: storable(server), view: JSON.stringify(view) },
    requestedAt: storable(requestedAt),
    fencedAt: fencedAt && storable(fencedAt),
    endedAt: endedAt && storable(endedAt),
  }
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
