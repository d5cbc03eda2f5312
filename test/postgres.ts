// A private Postgres for tests: own cluster in a temporary directory, gone with the process. Races and
// isolation show up only here, never on the embedded database.
import { execFile, execFileSync } from 'node:child_process'
import { chownSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { promisify } from 'node:util'
import postgres from 'postgres'
import { migrateDatabase } from '../db/migrate.ts'

const run = promisify(execFile)
const BINARIES = ['/usr/lib/postgresql/15/bin', '/usr/lib/postgresql/16/bin', '/usr/bin']
const MIGRATIONS = join(import.meta.dirname, '..', 'migrations')

export interface PrivatePostgres {
  /** A fresh copy of the migrated template; its URL. */
  freshDatabase(): Promise<string>
  /** An empty database without any table; its URL. */
  emptyDatabase(): Promise<string>
  /** Ends it as `kill -9` of the server does. */
  crash(): Promise<void>
  /** Starts it again on what it left, at the same address; nothing where it runs. */
  start(): Promise<void>
  /** Copies the whole server as a standby is one, while it runs. */
  copy(): Promise<PostgresCopy>
  stop(): Promise<void>
}

export interface PostgresCopy {
  /** Ends the server as `crash` does and starts the copy in its place: what came after the copy is gone. */
  takeOver(): Promise<void>
}

/** Where Postgres is installed, if it is. */
export function findPostgres(): string | undefined {
  const found = BINARIES.find((directory) => existsSync(join(directory, 'initdb')))
  if (found === undefined && process.env['CI'] === 'true') throw new Error('Postgres is missing')
  return found
}

/** Tests need no disk: only with `durable` does a commit wait for it. */
export async function startPostgres({
  durable = false,
  connections = 300,
} = {}): Promise<PrivatePostgres> {
  const binaries = findPostgres()
  if (binaries === undefined) throw new Error(`no Postgres in ${BINARIES.join(', ')}`)
  const directory = mkdtempSync(join(tmpdir(), 'palisade-pg-'))
  const asPostgres = process.getuid?.() === 0
  if (asPostgres) chownSync(directory, userId('-u'), userId('-g'))
  let files = join(directory, 'files')
  const command = (name: string, ...args: string[]) => {
    const program = join(binaries, name)
    return asPostgres
      ? run('/usr/sbin/runuser', ['-u', 'postgres', '--', program, ...args], { cwd: directory })
      : run(program, args, { cwd: directory })
  }
  await command('initdb', '-D', files, '--no-sync', '-A', 'trust', '-U', 'postgres', '-E', 'UTF8')
  const port = await freePort()
  const settings = `${durable ? '' : '-F '}-k ${directory} -h 127.0.0.1 -p ${port} -c max_connections=${connections}`
  let runs = false
  const start = async () => {
    if (runs) return
    const log = join(directory, 'log')
    await command('pg_ctl', '-D', files, '-w', '-l', log, '-o', settings, 'start')
    runs = true
  }
  await start()
  const crash = async () => {
    const pid = Number(readFileSync(join(files, 'postmaster.pid'), 'utf8').split('\n')[0])
    process.kill(pid, 'SIGKILL')
    while (existsSync(`/proc/${pid}`)) await sleep(10)
    runs = false
  }
  let copies = 0
  const copy = async (): Promise<PostgresCopy> => {
    const copied = join(directory, `copy-${++copies}`)
    const from = ['-h', '127.0.0.1', '-p', String(port), '-U', 'postgres', '--no-sync']
    await command('pg_basebackup', '-D', copied, ...from, '--checkpoint=fast')
    const takeOver = async () => {
      await crash()
      files = copied
      await start()
    }
    return { takeOver }
  }
  const stop = async () => {
    if (runs) await command('pg_ctl', '-D', files, '-m', 'immediate', 'stop')
    rmSync(directory, { recursive: true, force: true })
  }
  const { freshDatabase, emptyDatabase } = databases(
    (database) => `postgres://postgres@127.0.0.1:${port}/${database}`,
  )
  return { freshDatabase, emptyDatabase, crash, start, copy, stop }
}

function databases(url: (database: string) => string) {
  let made = 0
  let template: Promise<void> | undefined
  const create = async (name: string, clause = '') => {
    const sql = postgres(url('postgres'), { max: 1 })
    try {
      await sql.unsafe(`create database ${name} ${clause}`)
    } finally {
      await sql.end()
    }
    return url(name)
  }
  return {
    emptyDatabase: () => create(`empty_${++made}`),
    async freshDatabase() {
      template ??= create('migrated').then(async (target) => {
        await migrateDatabase(target, MIGRATIONS)
      })
      await template
      return create(`fresh_${++made}`, 'template migrated strategy file_copy')
    },
  }
}

async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  await new Promise((resolve) => server.close(resolve))
  if (address === null || typeof address === 'string') throw new Error('no port')
  return address.port
}

function userId(flag: '-u' | '-g'): number {
  return Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
}

/** For a directory that must not outlive the test. */
export function temporaryDirectory(): { path: string; remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'palisade-test-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
