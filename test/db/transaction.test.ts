// A transaction whose connection is cut: it fails for whoever waits for it, and nothing of it happens later.
import { sql } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type Database, type Db, openDatabase } from '../../db/client.ts'
import { findPostgres, type PrivatePostgres, startPostgres } from '../postgres.ts'

describe.skipIf(findPostgres() === undefined)('a connection that is cut in a transaction', () => {
  let postgres: PrivatePostgres
  let database: Database
  let other: Database

  beforeAll(async () => {
    postgres = await startPostgres()
    const url = await postgres.emptyDatabase()
    // One connection: the pool can only open it again.
    database = openDatabase(url, { connections: 1 })
    other = openDatabase(url, { connections: 1 })
    await other.db.execute(sql`create table notes (word text)`)
  })

  afterAll(async () => {
    await database?.close()
    await other?.close()
    await postgres?.stop()
  })

  async function cut(tx: Db): Promise<void> {
    const [row] = await tx.execute<{ pid: number }>(sql`select pg_backend_pid() as pid`)
    await other.db.execute(sql`select pg_terminate_backend(${row?.pid})`)
    await turn()
  }

  const notes = async () => (await other.db.execute(sql`select word from notes`)).length
  const note = (db: Db) => db.execute(sql`insert into notes values ('x')`)

  test.each<[string, (tx: Db) => Promise<unknown>]>([
    ['it ends', async () => {}],
    ['it fails', () => Promise.reject(new Error('something else'))],
    ['it goes on', note],
    ['it goes on at once and again after a while', (tx) => goOn(tx)],
  ])('and %s: it fails by that, and nothing of it is stored', async (_, then) => {
    const acting = database.db.transaction(async (tx) => {
      await note(tx)
      await cut(tx)
      await then(tx)
    })
    await expect(acting).rejects.toThrow(/CONNECTION_CLOSED|terminating connection/)
    // The pool has opened the connection again for somebody else.
    await database.db.execute(sql`select 1`)
    await turn()
    expect(await notes()).toBe(0)
  })

  test('a failed statement alone is rolled back and told as ever', async () => {
    const acting = database.db.transaction(async (tx) => {
      await note(tx)
      await tx.execute(sql`select 1 / 0`)
    })
    await expect(acting).rejects.toMatchObject({ cause: { code: '22012' } })
    expect(await notes()).toBe(0)
  })

  async function goOn(tx: Db): Promise<void> {
    await note(tx).catch(() => {})
    await database.db.execute(sql`select 1`)
    await note(tx)
  }
})

/** Sockets and timers have their say. */
function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 50))
}
