// One driver everywhere (spec architecture.md, decision 7): postgres.js, to a real Postgres or to the
// embedded one behind its Unix socket.
import type { PgDatabase } from 'drizzle-orm/pg-core'
import type { PostgresJsQueryResultHKT } from 'drizzle-orm/postgres-js'
import { drizzle } from 'drizzle-orm/postgres-js'
import postgres from 'postgres'
import * as schema from './schema.ts'
import { endingWithConnection } from './transaction.ts'

const PREPARED_PARAMETERS_MAX = 32

/** A database or a transaction on it. Inside a transaction use only its own handle. */
export type Db = PgDatabase<PostgresJsQueryResultHKT, typeof schema>

export interface Database {
  db: Db
  close(): Promise<void>
}

export interface OpenOptions {
  /** Connections at most (default 5). */
  connections?: number
  /** How long one statement may run; left out where a pooler forbids session settings. */
  statementTimeoutMs?: number
  /** Closes connections that were idle for so long, so that whoever holds them can sleep. Default: never. */
  idleTimeoutS?: number
  /** Opens a connection, on a platform where the driver's own does not do. */
  socket?: (to: { host: string[]; port: number[] }) => unknown
}

/**
 * Opens a pool. `url` is `postgres://…`, or `unix:PATH` for a server that listens on exactly that socket.
 * Connects on first use; throws only for a URL that is neither.
 */
export function openDatabase(url: string, options: OpenOptions = {}): Database {
  const client = preparing(connect(url, options))
  const db = drizzle(client, { schema })
  return { db, close: () => client.end({ timeout: 5 }) }
}

/**
 * Lets the driver keep statements prepared. Drizzle asks it not to, and then each one costs a second trip to
 * the database, to learn the types of its parameters, and none can follow before the answer.
 */
function preparing(client: postgres.Sql): postgres.Sql {
  const { begin, unsafe } = client
  const prepared = (of: typeof unsafe): typeof unsafe =>
    ((text, parameters, options) => {
      // Statements of many rows differ by their number: they would fill the session's memory.
      const prepare = (parameters?.length ?? 0) <= PREPARED_PARAMETERS_MAX
      // In the turn that asks for it: what follows without waiting, such as the commit, keeps behind it.
      return of(text, parameters, { ...options, prepare }).execute()
    }) as typeof unsafe
  const bound = endingWithConnection((act) => begin(act))
  const inTransaction = (act: (tx: postgres.TransactionSql) => unknown) =>
    bound((tx) => act(Object.assign(tx, { unsafe: prepared(tx.unsafe) })))
  return Object.assign(client, { unsafe: prepared(unsafe), begin: inTransaction })
}

function connect(url: string, options: OpenOptions) {
  const { connections = 5, statementTimeoutMs, idleTimeoutS, socket } = options
  const settings = {
    max: connections,
    fetch_types: false,
    connect_timeout: 10,
    onnotice: () => {},
    ...(socket === undefined ? {} : { socket }),
    ...(idleTimeoutS === undefined ? {} : { idle_timeout: idleTimeoutS }),
    ...(statementTimeoutMs === undefined
      ? {}
      : { connection: { statement_timeout: statementTimeoutMs } }),
  }
  if (url.startsWith('unix:')) {
    return postgres({
      ...settings,
      path: url.slice('unix:'.length),
      host: 'localhost',
      user: 'postgres',
      database: 'postgres',
    })
  }
  if (!/^postgres(ql)?:\/\//.test(url)) {
    throw new Error('the database URL must start with postgres:// or unix:')
  }
  return postgres(url, settings)
}

/**
 * `Promise.all` for work in one transaction: waits for every part before it throws. A part that went on after
 * the transaction was rolled back would run its next statement in somebody else's.
 */
export async function together<T extends readonly unknown[]>(
  ...parts: { readonly [K in keyof T]: Promise<T[K]> }
): Promise<T> {
  await Promise.allSettled(parts)
  return (await Promise.all(parts)) as unknown as T
}
