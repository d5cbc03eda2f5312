// The agents' journals as they were reported, and the signed heads over them.
import { and, asc, desc, eq, gt, gte, inArray, isNotNull, lt, max, or, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { storable } from './columns.ts'
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

/** All that was reported of these orders, by whichever agent, each in the order of their chains: as JSON texts. */
export async function listRecordTexts(
  db: Db,
  site: string,
  orders: readonly string[],
): Promise<Map<string, string[]>> {
  const rows = await db.execute<{ order: string; record: string }>(sql`
    select asked.id as "order", told.record
    from json_array_elements_text(${JSON.stringify(orders.map(storable))}::json) as asked (id)
    cross join lateral (
      select record from records where site = ${site} and "order" = asked.id
      order by agent, kid, seq, hash limit ${RECORDS_PER_ORDER_MAX}
    ) as told`)
  const texts = new Map<string, string[]>()
  for (const { order, record } of rows) texts.set(order, [...(texts.get(order) ?? []), record])
  return new Map(orders.map((order) => [order, texts.get(storable(order)) ?? []]))
}

function ofChain({ site, agent, kid }: Chain) {
  return and(eq(records.site, site), eq(records.agent, agent), eq(records.kid, kid))
}

/** The sequence up to which nothing of a chain is missing, looking from `from` on. */
export async function findContiguous(db: Db, chain: Chain, from: number): Promise<number> {
  const later = db.$with('later').as(
    db
      .selectDistinct({ seq: records.seq })
      .from(records)
      .where(and(ofChain(chain), gt(records.seq, from))),
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

export interface Chain {
  site: string
  agent: string
  kid: string
}

export interface AuditFilter {
  server?: string | undefined
  /** RFC 3339, inclusive. */
  from?: string | undefined
  /** RFC 3339, exclusive. */
  to?: string | undefined
}

export interface ChainLine {
  seq: number
  hash: string
  /** As JSON text. */
  record: string
  /** The signed head of the batch that this record was the last of. */
  head: string | null
}

/** Records of one chain by sequence, after `page.after`, with their heads. */
export async function listChain(
  db: Db,
  chain: Chain,
  filter: AuditFilter,
  page: { after: { seq: number; hash: string }; limit: number },
): Promise<ChainLine[]> {
  const { after, limit } = page
  const isLater = or(
    gt(records.seq, after.seq),
    and(eq(records.seq, after.seq), gt(records.hash, after.hash)),
  )
  const isAsked = and(
    eq(records.agent, chain.agent),
    eq(records.kid, chain.kid),
    isLater,
    matches(db, chain.site, filter),
  )
  // Read as they are: an export of thousands would spend its time in mapping rows.
  const rows = await db.execute<{
    seq: string
    hash: string
    record: string
    head: string | null
  }>(sql`
    select ${records.seq}, ${records.hash}, ${records.record}, ${heads.token} as head
    from ${records} left join ${heads} using (site, agent, kid, seq, hash)
    where ${isAsked} order by ${records.seq}, ${records.hash} limit ${limit}`)
  return rows.map((row) => ({ ...row, seq: Number(row.seq) }))
}

/** Records of all agents by time. */
export async function listRecordsByTime(
  db: Db,
  site: string,
  filter: AuditFilter,
  limit: number,
): Promise<RecordRow[]> {
  return await db
    .select()
    .from(records)
    .where(matches(db, site, filter))
    .orderBy(asc(records.at), asc(records.hash))
    .limit(limit)
}

/** With a server: the records of its orders, and those that name it. */
function matches(db: Db, site: string, { server, from, to }: AuditFilter) {
  const ordersOfServer = db
    .select({ order: records.order })
    .from(records)
    .where(and(eq(records.site, site), eq(records.server, server ?? '')))
  return and(
    eq(records.site, site),
    server === undefined
      ? undefined
      : or(eq(records.server, server), inArray(records.order, ordersOfServer)),
    from === undefined ? undefined : gte(records.at, from),
    to === undefined ? undefined : lt(records.at, to),
  )
}

/** Orders in which a stop notice of this server was heard, the newest first. */
export async function listNoticedOrders(
  db: Db,
  { site, server }: { site: string; server: string },
  limit: number,
): Promise<string[]> {
  const rows = await db
    .select({ order: records.order, newest: max(records.at) })
    .from(records)
    .where(
      and(
        eq(records.site, site),
        eq(records.server, server),
        eq(records.kind, 'noticed'),
        isNotNull(records.order),
      ),
    )
    .groupBy(records.order)
    .orderBy(desc(max(records.at)))
    .limit(limit)
  return rows.flatMap(({ order }) => order ?? [])
}

/** All records of these orders, by time; those of one order may lie far apart. */
export async function listRecordsOfOrders(
  db: Db,
  site: string,
  orders: readonly string[],
  limit: number,
): Promise<RecordRow[]> {
  if (orders.length === 0) return []
  return await db
    .select()
    .from(records)
    .where(and(eq(records.site, site), inArray(records.order, [...orders])))
    .orderBy(asc(records.at), asc(records.hash))
    .limit(limit)
}

/** The hash of the stored record of a sequence; of a fork, of any of its sides. */
export async function findHashAt(db: Db, chain: Chain, seq: number): Promise<string | undefined> {
  const [row] = await db
    .select({ hash: records.hash })
    .from(records)
    .where(and(ofChain(chain), eq(records.seq, seq)))
    .limit(1)
  return row?.hash
}
