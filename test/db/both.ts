// Runs one suite on real Postgres and on the embedded database: same migrations, same queries.
import { afterAll, beforeAll, describe } from 'vitest'
import { type Database, openDatabase } from '../../db/client.ts'
import { migrateDatabase } from '../../db/migrate.ts'
import { startEmbeddedDatabase } from '../../edge/node/embedded-database.ts'
import { findPostgres, startPostgres, temporaryDirectory } from '../postgres.ts'

export const MIGRATIONS = `${import.meta.dirname}/../../migrations`

export function describeOnBoth(name: string, suite: (database: () => Database) => void): void {
  describeOnPostgres(name, suite)
  describe(`${name} (embedded)`, () => {
    let stop: () => Promise<void>
    let database: Database
    beforeAll(async () => {
      const directory = temporaryDirectory()
      const embedded = await startEmbeddedDatabase(directory.path)
      await migrateDatabase(embedded.url, MIGRATIONS)
      database = openDatabase(embedded.url)
      stop = async () => {
        await database.close()
        await embedded.stop()
        directory.remove()
      }
    }, 60_000)
    afterAll(() => stop())
    suite(() => database)
  })
}

export function describeOnPostgres(name: string, suite: (database: () => Database) => void): void {
  describe.skipIf(findPostgres() === undefined)(`${name} (Postgres)`, () => {
    let stop: () => Promise<void>
    let database: Database
    beforeAll(async () => {
      const server = await startPostgres()
      database = openDatabase(await server.freshDatabase(), { connections: 20 })
      stop = async () => {
        await database.close()
        await server.stop()
      }
    }, 60_000)
    afterAll(() => stop())
    suite(() => database)
  })
}
