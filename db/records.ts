// The agents' journals as they were reported, and the signed heads over them.
import { and, asc, eq, gt, gte, inArray, lt, or, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { heads, records } from './schema.ts'

export type RecordRow = typeof records.$inferSelect
export type HeadRow = typeof heads.$inferSelect

/** Bounds what is folded into one reset; a ladder takes a few dozen records. */
export const RECORDS_PER_ORDER_MAX = 5000

/** Stores each record once, however often and in whatever order it comes. Returns the hashes that were new. */
export async function storeRecords(tx: Db, rows: readonly RecordRow[]): Promise<Set<string>> {
  if (rows.length === 0) return new Set()
  const stored = await tx
    .insert(records)
    .values([...rows])
    .onConflictDoNothing()
    .returning({ hash: records.hash })
  return new Set(stored.map(({ hash }) => hash))
}

export async function storeHead(tx: Db, head: HeadRow): Promise<void> {
  await tx.insert(heads).values(head).onConflictDoNothing()
}

/** All that was reported of one order, by whichever agent, in the order of their chains. */
export async function listRecordsOfOrder(
  db: Db,
  site: string,
  order: string,
): Promise<RecordRow[]> {
  return await db
    .select()
    .from(records)
    .where(and(eq(records.site, site), eq(records.order, order)))
    .orderBy(asc(records.agent), asc(records.kid), asc(records.seq), asc(records.hash))
    .limit(RECORDS_PER_ORDER_MAX)
}

/** The sequence up to which nothing of a chain is missing, looking from `from` on. */
export async function findContiguous(
  db: Db,
  chain: { site: string; agent: string; kid: string },
  from: number,
): Promise<number> {
  const later = db.$with('later').as(
    db
      .selectDistinct({ seq: records.seq })
      .from(records)
      .where(
        and(
          eq(records.site, chain.site),
          eq(records.agent, chain.agent),
          eq(records.kid, chain.kid),
          gt(records.seq, from),
        ),
      ),
  )
  const ranked = db.$with('ranked').as(
    db
      .select({
        seq: later.seq,
        gap: sql<number>`${later.seq} - row_number() over (order by ${later.seq})`.as('gap'),
      })
      .from(later),
  )
  const [row] = await db
    .with(later, ranked)
    .select({ seq: sql<string | null>`max(${ranked.seq})` })
    .from(ranked)
    .where(sql`${ranked.gap} = ${from}`)
  return row?.seq === null || row?.seq === undefined ? from : Number(row.seq)
}

export interface AuditFilter {
  site: string
  server?: string | undefined
  /** RFC 3339, inclusive. */
  from?: string | undefined
  /** RFC 3339, exclusive. */
  to?: string | undefined
  /** Position after which to go on. */
  after?: { at: string; hash: string } | undefined
}

/** Records by time. With a server: those of its orders, and those that name it. */
export async function listAuditRecords(
  db: Db,
  filter: AuditFilter,
  limit: number,
): Promise<RecordRow[]> {
  const { site, server, from, to, after } = filter
  const ordersOfServer = db
    .select({ order: records.order })
    .from(records)
    .where(and(eq(records.site, site), eq(records.server, server ?? '')))
  return await db
    .select()
    .from(records)
    .where(
      and(
        eq(records.site, site),
        server === undefined
          ? undefined
          : or(eq(records.server, server), inArray(records.order, ordersOfServer)),
        from === undefined ? undefined : gte(records.at, from),
        to === undefined ? undefined : lt(records.at, to),
        after === undefined
          ? undefined
          : or(
              gt(records.at, after.at),
              and(eq(records.at, after.at), gt(records.hash, after.hash)),
            ),
      ),
    )
    .orderBy(asc(records.at), asc(records.hash))
    .limit(limit)
}

export async function listHeads(
  db: Db,
  site: string,
  after: { agent: string; kid: string; seq: number; hash: string } | undefined,
  limit: number,
): Promise<HeadRow[]> {
  return await db
    .select()
    .from(heads)
    .where(
      and(
        eq(heads.site, site),
        after === undefined
          ? undefined
          : sql`(${heads.agent}, ${heads.kid}, ${heads.seq}, ${heads.hash})
              > (${after.agent}, ${after.kid}, ${after.seq}, ${after.hash})`,
      ),
    )
    .orderBy(asc(heads.agent), asc(heads.kid), asc(heads.seq), asc(heads.hash))
    .limit(limit)
}
