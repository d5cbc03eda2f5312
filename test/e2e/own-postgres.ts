// A Postgres that goes with the test.
import { findPostgres, startPostgres } from '../postgres.ts'
import type { Closing } from './programs.ts'

/** URL of an empty database; where Postgres is not installed, the embedded database has to do. */
export async function ownPostgres(closing: Closing): Promise<string | undefined> {
  if (findPostgres() === undefined) return undefined
  const postgres = await startPostgres()
  closing.add(() => postgres.stop())
  return await postgres.emptyDatabase()
}
