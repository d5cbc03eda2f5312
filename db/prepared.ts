// Statements that are asked all the time. Putting one together takes the query builder about as long as the
// trip to the database, so those are put together once per database.
import { type Column, sql } from 'drizzle-orm'
import type { Db } from './client.ts'

/** What `build` makes, kept for as long as the database handle lives; a transaction has a handle of its own. */
export function prepared<Statement>(build: (db: Db) => Statement): (db: Db) => Statement {
  const made = new WeakMap<Db, Statement>()
  return (db) => {
    const known = made.get(db)
    if (known !== undefined) return known
    const statement = build(db)
    made.set(db, statement)
    return statement
  }
}

/** What is given at each execution, encoded as the column asks for it. */
export function given(column: Column, name: string) {
  return sql.param(sql.placeholder(name), column)
}
