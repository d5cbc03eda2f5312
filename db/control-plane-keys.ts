// Public halves of the keys that sign orders and site documents.
import { asc, sql } from 'drizzle-orm'
import type { Db } from './client.ts'
import { controlPlaneKeys } from './schema.ts'

export type ControlPlaneKeyRow = typeof controlPlaneKeys.$inferSelect

export async function registerControlPlaneKey(db: Db, key: ControlPlaneKeyRow): Promise<void> {
  await db.insert(controlPlaneKeys).values(key).onConflictDoNothing()
}

export async function listControlPlaneKeys(db: Db): Promise<ControlPlaneKeyRow[]> {
  return await db.select().from(controlPlaneKeys).orderBy(asc(controlPlaneKeys.createdAt))
}

/** For readiness: throws when the database does not answer. */
export async function checkDatabase(db: Db): Promise<void> {
  await db.execute(sql`select 1`)
}
