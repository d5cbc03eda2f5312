// What Postgres itself counts of the work that it was given. A session tells its counts at its next rest, or
// when it has rested for ten seconds.
import postgres from 'postgres'
import { pause } from '../instants.ts'

export interface Counts {
  /** Rows inserted, updated and deleted. */
  rows: number
  /** Of those, by table. */
  byTable: Record<string, number>
  transactions: number
  /** Connections that were opened. */
  sessions: number
  /** Bytes of write-ahead log, of the whole cluster. */
  wal: number
  /** Bytes of the database with its indexes. */
  size: number
}

const REST_MS = 11_000

/** A connection of its own, open from before the first count: it would count itself. */
export class Counter {
  readonly #sql: postgres.Sql

  constructor(databaseUrl: string) {
    this.#sql = postgres(databaseUrl, { max: 1, fetch_types: false, prepare: false })
  }

  async count(): Promise<Counts> {
    await pause(REST_MS)
    const tables = await this.#sql`
      select relname as name, (n_tup_ins + n_tup_upd + n_tup_del)::int as rows
      from pg_stat_user_tables`
    const [whole] = await this.#sql`
      select xact_commit::int as transactions, sessions::int as sessions,
        pg_database_size(current_database())::float8 as size,
        pg_wal_lsn_diff(pg_current_wal_lsn(), '0/0')::float8 as wal
      from pg_stat_database where datname = current_database()`
    const written = tables.map(({ name, rows }): [string, number] => [name, Number(rows)])
    const rows = written.reduce((sum, [, of]) => sum + of, 0)
    if (!(rows > 0)) throw new Error('the database counts no writes, not even those of its start')
    return {
      rows,
      byTable: Object.fromEntries(written),
      transactions: Number(whole?.['transactions']),
      sessions: Number(whole?.['sessions']),
      wal: Number(whole?.['wal']),
      size: Number(whole?.['size']),
    }
  }

  /** Resets that have ended by what the control plane shows. */
  async endedResets(): Promise<number> {
    const [row] = await this.#sql`
      select count(*)::int as ended from resets where ended_at is not null`
    return Number(row?.['ended'])
  }

  async close(): Promise<void> {
    await this.#sql.end()
  }
}

/** What was counted in between; of the size, the growth. */
export function between(before: Counts, after: Counts): Counts {
  const byTable = Object.fromEntries(
    Object.entries(after.byTable)
      .map(([name, rows]): [string, number] => [name, rows - (before.byTable[name] ?? 0)])
      .filter(([, rows]) => rows > 0),
  )
  return {
    rows: after.rows - before.rows,
    byTable,
    transactions: after.transactions - before.transactions,
    sessions: after.sessions - before.sessions,
    wal: after.wal - before.wal,
    size: after.size - before.size,
  }
}
