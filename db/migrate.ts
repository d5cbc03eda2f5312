// Brings a database to the present schema. Starters may race: each waits for the other's transaction, by a
// lock that ends with it, because poolers do not keep sessions (drizzle's own migrator is not safe here).
import { sql } from 'drizzle-orm'
import { readMigrationFiles } from 'drizzle-orm/migrator'
import { openDatabase } from './client.ts'

/** Any constant will do, as long as every version of Palisade uses the same. */
const MIGRATION_LOCK = 7_025_119

/**
 * Applies the migrations of `folder` that the database lacks, all in one transaction.
 *
 * @throws when the database knows a migration that is newer than every one in the folder.
 */
export async function migrateDatabase(url: string, folder: string): Promise<{ applied: number }> {
  const migrations = readMigrationFiles({ migrationsFolder: folder })
  const { db, close } = openDatabase(url, { connections: 1 })
  try {
    return await db.transaction(async (tx) => {
      await tx.execute(sql`select pg_advisory_xact_lock(${MIGRATION_LOCK})`)
      await tx.execute(
        sql`create table if not exists palisade_migrations (made bigint primary key, hash text not null)`,
      )
      const [newest] = await tx.execute<{ made: string | null }>(
        sql`select max(made)::text as made from palisade_migrations`,
      )
      const appliedUpTo = Number(newest?.made ?? 0)
      if (appliedUpTo > Math.max(0, ...migrations.map(({ folderMillis }) => folderMillis))) {
        throw new Error('the database belongs to a newer Palisade; start that version instead')
      }
      const missing = migrations.filter(({ folderMillis }) => folderMillis > appliedUpTo)
      for (const migration of missing) {
        for (const statement of migration.sql) await tx.execute(sql.raw(statement))
        await tx.execute(
          sql`insert into palisade_migrations values (${migration.folderMillis}, ${migration.hash})`,
        )
      }
      return { applied: missing.length }
    })
  } finally {
    await close()
  }
}
