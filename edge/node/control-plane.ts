// The control plane as one Node process: database, hubs, HTTP server, and their order of start and stop.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join, resolve } from 'node:path'
import { createAdaptorServer, type WebSocketServerLike } from '@hono/node-server'
import { WebSocketServer } from 'ws'
import { openDatabase } from '../../db/client.ts'
import { migrateDatabase } from '../../db/migrate.ts'
import { SOFTWARE_VERSION } from '../../protocol/version.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { createApp } from '../app.ts'
import { OPERATOR_LOG_DAYS_DEFAULT, startHousekeeping } from '../housekeeping.ts'
import { OperatorLogWriter } from '../operator-log-writer.ts'
import type { AppDeps, Log } from '../ports.ts'
import { localSignals } from '../signals.ts'
import { lockDirectory } from './directory-lock.ts'
import { startEmbeddedDatabase } from './embedded-database.ts'
import { localHubs } from './hubs.ts'
import { stderrLog } from './log.ts'
import { remoteAddress } from './remote-address.ts'
import { loadAdminToken, loadSigningKey, openDataDirectory } from './secret-files.ts'

export interface ControlPlaneOptions {
  dataDirectory: string
  /** 0 takes any free one. */
  port: number
  /** Default 127.0.0.1. */
  host?: string
  /** Default: the embedded database, for evaluation. */
  databaseUrl?: string | undefined
  /** Default 400. */
  operatorLogDays?: number
  log?: Log
}

export interface ControlPlane {
  url: string
  adminTokenFile: string
  stop(): Promise<void>
}

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')
/** Bytes of the longest report (`BATCH_CHARACTERS_MAX`), with room for what is not ASCII. */
const MESSAGE_MAX = 2_097_152
const STATEMENT_TIMEOUT_MS = 15_000
/** How long a stop waits for requests that are under way. */
const DRAIN_MS = 3000

/** Starts everything or nothing: what was opened before a failure is closed again. */
export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const closers: (() => void | Promise<void>)[] = []
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer()
  }
  try {
    return { ...(await open(options, closers)), stop: close }
  } catch (error) {
    await close()
    throw error
  }
}

async function open(
  options: ControlPlaneOptions,
  closers: (() => void | Promise<void>)[],
): Promise<Omit<ControlPlane, 'stop'>> {
  const { dataDirectory, port, host = '127.0.0.1', databaseUrl, log = stderrLog } = options
  const directory = resolve(dataDirectory)
  openDataDirectory(directory)
  closers.push(lockDirectory(directory))
  const databaseAt = databaseUrl ?? (await openEmbedded(directory, closers, log))
  await migrateDatabase(databaseAt, MIGRATIONS)
  // The embedded database has one session: statements of two connections would mix in it.
  const { db, close } = openDatabase(
    databaseAt,
    databaseUrl === undefined
      ? { connections: 1 }
      : { connections: 10, statementTimeoutMs: STATEMENT_TIMEOUT_MS },
  )
  closers.push(close)
  const clock = nodeClock
  const random = nodeRandom
  const key = await loadSigningKey(directory, db, clock)
  const adminTokenFile = await loadAdminToken(directory, db, { clock, random })
  const signals = localSignals(clock)
  const base = { db, clock, random, signals, key, log }
  const hubs = localHubs(base)
  const operatorLog = new OperatorLogWriter({ db, clock, log })
  // After the server, so that what its last requests changed is written too.
  closers.push(() => operatorLog.stop())
  const { operatorLogDays = OPERATOR_LOG_DAYS_DEFAULT } = options
  closers.push(startHousekeeping({ db, clock, log }, { operatorLogDays }))
  const deps = { ...base, hubs, version: SOFTWARE_VERSION, operatorLog, remoteAddress }
  const server = await listen(deps, { host, port }, closers)
  closers.push(() => {
    signals.stop()
    hubs.stop()
  })
  await hubs.resume()
  const { port: actual } = server.address() as AddressInfo
  const url = `http://${host.includes(':') ? `[${host}]` : host}:${actual}`
  log('info', 'started', { url, database: databaseUrl === undefined ? 'embedded' : 'postgres' })
  return { url, adminTokenFile }
}

async function openEmbedded(
  directory: string,
  closers: (() => void | Promise<void>)[],
  log: Log,
): Promise<string> {
  log('warn', 'embedded-database', {
    message:
      'the embedded database is for evaluation: a power cut may lose what it answered; ' +
      'set PALISADE_DATABASE_URL=postgres://… for real use',
  })
  const embedded = await startEmbeddedDatabase(directory)
  closers.push(embedded.stop)
  return embedded.url
}

async function listen(
  deps: AppDeps,
  { host, port }: { host: string; port: number },
  closers: (() => void | Promise<void>)[],
): Promise<Server> {
  const webSockets = new WebSocketServer({ noServer: true, maxPayload: MESSAGE_MAX })
  const server = createAdaptorServer({
    fetch: createApp(deps).fetch,
    // Other upgrades are only offered, as some clients offer HTTP/2 each time: those are answered as they are.
    serverOptions: {
      shouldUpgradeCallback: ({ headers }) => headers.upgrade?.toLowerCase() === 'websocket',
    },
    websocket: { server: webSockets as WebSocketServerLike },
  }) as Server
  await new Promise<void>((opened, failed) => {
    server.once('error', failed)
    server.listen(port, host, () => {
      server.off('error', failed)
      opened()
    })
  })
  closers.push(
    () =>
      new Promise((closed) => {
        const cancel = deps.clock.after(DRAIN_MS, () => {
          for (const socket of webSockets.clients) socket.terminate()
          server.closeAllConnections()
        })
        server.close(() => {
          cancel()
          closed()
        })
        server.closeIdleConnections()
      }),
  )
  return server
}
