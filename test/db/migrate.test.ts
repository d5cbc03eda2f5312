import { sql } from 'drizzle-orm'
import { describe, expect, test } from 'vitest'
import { openDatabase } from '../../db/client.ts'
import { migrateDatabase } from '../../db/migrate.ts'
import { findPostgres, startPostgres } from '../postgres.ts'
import { MIGRATIONS } from './both.ts'

describe.skipIf(findPostgres() === undefined)('migrations', () => {
  test('of four starters at once every one succeeds and exactly one applies', async () => {
    const server = await startPostgres()
    try {
      const url = await server.emptyDatabase()
      const all = await Promise.all(
        Array.from({ length: 4 }, () => migrateDatabase(url, MIGRATIONS)),
      )
      expect(all.map(({ applied }) => applied).sort()).toEqual([0, 0, 0, expect.any(Number)])
      expect(all.reduce((sum, { applied }) => sum + applied, 0)).toBeGreaterThan(0)
    } finally {
      await server.stop()
    }
  })

  test('a database of a newer version is refused and left alone', async () => {
    const server = await startPostgres()
    try {
      const url = await server.freshDatabase()
      const { db, close } = openDatabase(url)
      await db.execute(sql`insert into palisade_migrations values (99999999999999, 'future')`)
      await close()
      await expect(migrateDatabase(url, MIGRATIONS)).rejects.toThrow('newer Palisade')
    } finally {
      await server.stop()
    }
  })
})
