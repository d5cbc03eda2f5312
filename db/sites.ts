// Sites: one signed document each, counted by revision.
import { and, asc, eq, gt, inArray } from 'drizzle-orm'
import type { Db } from './client.ts'
import { given, prepared } from './prepared.ts'
import { sites } from './schema.ts'

export type SiteRow = typeof sites.$inferSelect

const selectSite = prepared((db) =>
  db
    .select()
    .from(sites)
    .where(eq(sites.name, given(sites.name, 'name')))
    .prepare('site'),
)

export async function findSite(db: Db, name: string): Promise<SiteRow | undefined> {
  const [row] = await selectSite(db).execute({ name })
  return row
}

const selectSiteName = prepared((db) =>
  db
    .select({ name: sites.name })
    .from(sites)
    .where(eq(sites.name, given(sites.name, 'name')))
    .prepare('site_name'),
)

/** Without its document, which may have a megabyte. */
export async function isSite(db: Db, name: string): Promise<boolean> {
  const rows = await selectSiteName(db).execute({ name })
  return rows.length === 1
}

/**
 * Takes the row lock of a site until the transaction ends. Acceptance, apply and restore all take it first,
 * so that of two crossing requests one is judged with the other already seen.
 */
export async function lockSite(tx: Db, name: string): Promise<SiteRow | undefined> {
  const [row] = await tx.select().from(sites).where(eq(sites.name, name)).for('update')
  return row
}

/** Sites by name, after `cursor`, without their documents. `only` restricts to what a caller may see. */
export async function listSites(
  db: Db,
  page: { limit: number; cursor?: string | undefined; only?: readonly string[] | undefined },
): Promise<Pick<SiteRow, 'name' | 'revision' | 'appliedAt'>[]> {
  return await db
    .select({ name: sites.name, revision: sites.revision, appliedAt: sites.appliedAt })
    .from(sites)
    .where(
      and(
        page.cursor === undefined ? undefined : gt(sites.name, page.cursor),
        page.only === undefined ? undefined : inArray(sites.name, [...page.only]),
      ),
    )
    .orderBy(asc(sites.name))
    .limit(page.limit)
}

export async function ensureSite(db: Db, name: string, createdAt: string): Promise<void> {
  await db.insert(sites).values({ name, createdAt }).onConflictDoNothing()
}

/** Stores the next document of a site; false when it is not at revision `from` any more. */
export async function applyDocument(
  tx: Db,
  site: {
    name: string
    from: number
    revision: number
    document: unknown
    appliedAt: string
    appliedBy: string
  },
): Promise<boolean> {
  const { name, from, revision, document, appliedAt, appliedBy } = site
  const applied = await tx
    .update(sites)
    .set({ revision, document, appliedAt, appliedBy })
    .where(and(eq(sites.name, name), eq(sites.revision, from)))
    .returning({ name: sites.name })
  return applied.length === 1
}

export async function setSealKey(tx: Db, name: string, sealKey: unknown): Promise<void> {
  await tx.update(sites).set({ sealKey }).where(eq(sites.name, name))
}
