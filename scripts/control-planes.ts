// The control plane of `npm start`, on each thing that it runs on, as a child process.
import { chmodSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { migrateDatabase } from '../db/migrate.ts'
import { lockDirectory } from '../edge/node/directory-lock.ts'
import { ensureAdminToken, ensureSigningKey } from '../edge/node/secret-files.ts'
import { nodeRandom } from '../runtime/node.ts'
import { type Child, type ChildProcesses, within } from './child-processes.ts'
import { findPostgres, startLocalPostgres } from './local-postgres.ts'
import { installMissing } from './peers.ts'

const MIGRATIONS = join(import.meta.dirname, '..', 'migrations')

export interface ControlPlanePlace {
  dataDirectory: string
  port: number
  /** Undefined: one that is brought along. */
  database: string | undefined
}

/** Locks the data directory. Returns its URL once it answers. */
export async function startOnNode(
  children: ChildProcesses,
  { dataDirectory, port, database }: ControlPlanePlace,
): Promise<string> {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  const controlPlane = children.start(
    'control-plane',
    'edge/node/main.ts',
    ['--data', dataDirectory, '--port', String(port)],
    database ? { PALISADE_DATABASE_URL: database } : {},
  )
  return await answering(controlPlane, port)
}

/** The same under workerd, with a Postgres; `closers` end what was started beside the children. */
export async function startOnWorkerd(
  children: ChildProcesses,
  { dataDirectory, port, database }: ControlPlanePlace,
  closers: (() => void | Promise<void>)[],
): Promise<string> {
  mkdirSync(dataDirectory, { recursive: true, mode: 0o700 })
  closers.push(lockDirectory(dataDirectory))
  const databaseUrl = database ?? (await bringPostgres(dataDirectory, closers))
  await migrateDatabase(databaseUrl, MIGRATIONS)
  await ensureSigningKey(dataDirectory)
  ensureAdminToken(dataDirectory, nodeRandom)
  const controlPlane = children.start(
    'control-plane',
    'scripts/worker-process.ts',
    ['--data', dataDirectory, '--port', String(port)],
    { PALISADE_DATABASE_URL: databaseUrl },
  )
  return await answering(controlPlane, port)
}

async function bringPostgres(
  dataDirectory: string,
  closers: (() => void | Promise<void>)[],
): Promise<string> {
  if (findPostgres() === undefined) installMissing(['Postgres 15', 'runuser'])
  // Postgres does not run as root, and its user must pass through here; the files in it are for one user each.
  if (process.getuid?.() === 0) chmodSync(dataDirectory, 0o711)
  const postgres = await startLocalPostgres(dataDirectory)
  closers.push(() => postgres.stop())
  return postgres.url
}

async function answering(controlPlane: Child, port: number): Promise<string> {
  const url = `http://127.0.0.1:${port}`
  await within(60_000, `nothing answers at ${url}/healthz`, async () => {
    // Another program may answer at this port, and would be given the admin token.
    if (!controlPlane.printed(/^control plane\t/m)) return false
    const answer = await fetch(`${url}/healthz`)
    return answer.status === 200
  })
  return url
}
