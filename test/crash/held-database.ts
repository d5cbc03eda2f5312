// A Postgres in which chosen writes of the control plane wait until the test lets them go, so that it can be
// killed right there.
import { setTimeout as sleep } from 'node:timers/promises'
import postgres from 'postgres'

/** Where a request stands while the write that the gate holds has not been done. */
export const GATES = {
  'before the order is stored': 'before insert on orders',
  'during the commit': 'constraint after insert on orders deferrable initially deferred',
  'after the commit, before the dispatch': 'before update on orders',
  'while the acceptance is stored': "before insert on records when new.kind = 'accepted'",
  'while the conclusion is stored': "before insert on records when new.kind = 'concluded'",
} as const
export type Gate = keyof typeof GATES

const WAITS_WITHIN_MS = 20_000

export class HeldDatabase {
  readonly sql: postgres.Sql

  private constructor(sql: postgres.Sql) {
    this.sql = sql
  }

  /** Builds the gates, all open, into a migrated database. */
  static async open(url: string): Promise<HeldDatabase> {
    // Advisory locks belong to one session.
    const sql = postgres(url, { max: 1, onnotice: () => {} })
    await sql.unsafe(`create function crash_gate() returns trigger language plpgsql as $$
      begin
        perform pg_advisory_xact_lock_shared(tg_argv[0]::int);
        return new;
      end $$`)
    for (const [index, gate] of Object.values(GATES).entries()) {
      const [, constraint = '', rest = '', when] =
        /^(constraint )?(.*?)(?: when (.*))?$/.exec(gate) ?? []
      await sql.unsafe(`create ${constraint}trigger crash_gate_${index} ${rest} for each row
        ${when === undefined ? '' : `when (${when})`} execute function crash_gate('${index}')`)
    }
    return new HeldDatabase(sql)
  }

  async hold(gate: Gate): Promise<void> {
    await this.sql`select pg_advisory_lock(${numberOf(gate)})`
  }

  /** Resolves when a write stands before the gate. */
  async waits(): Promise<void> {
    for (const end = performance.now() + WAITS_WITHIN_MS; performance.now() < end; ) {
      const [waiting] = await this.sql`
        select 1 from pg_locks where locktype = 'advisory' and not granted`
      if (waiting) return
      await sleep(5)
    }
    throw new Error(`nothing came to the gate within ${WAITS_WITHIN_MS} ms`)
  }

  async release(gate: Gate): Promise<void> {
    await this.sql`select pg_advisory_unlock(${numberOf(gate)})`
  }

  /** How many records of each kind are stored of an order. */
  async recordsOf(order: string): Promise<Record<string, number>> {
    const rows = await this.sql<{ kind: string; count: number }[]>`
      select kind, count(*)::int as count from records where "order" = ${order} group by kind`
    return Object.fromEntries(rows.map(({ kind, count }) => [kind, count]))
  }

  /** How far a request came, by what is stored of it. */
  async stageOf(order: string): Promise<string> {
    const [row] = await this.sql<{ sent: boolean; journalled: boolean }[]>`
      select sent_at_ms is not null as sent, journalled_at_ms is not null as journalled
      from orders where id = ${order}`
    if (!row) return 'not stored'
    const records = await this.recordsOf(order)
    if ('ended' in records) return 'ended'
    if (Object.keys(records).length > 0) return 'reported'
    if (row.journalled) return 'journalled'
    return row.sent ? 'sent' : 'stored'
  }

  close(): Promise<void> {
    return this.sql.end()
  }
}

function numberOf(gate: Gate): number {
  return Object.keys(GATES).indexOf(gate)
}
