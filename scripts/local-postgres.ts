// A Postgres of our own in the data directory, for whoever tries the Worker without having a database: the Debian
// package, durable, for this user only.
import { execFile, execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { freeTcpPort } from './tcp-port.ts'

const run = promisify(execFile)
const DEBIAN = '/usr/lib/postgresql'
const ELSEWHERE = ['/usr/bin', '/usr/local/bin', '/opt/homebrew/bin']
const RUNUSER = '/usr/sbin/runuser'
const CONNECTIONS_MAX = 300

export interface LocalPostgres {
  /** Of its one database. */
  url: string
  stop(): Promise<void>
}

/** Where its programs are; the newest version first. */
export function findPostgres(): string | undefined {
  const versions = existsSync(DEBIAN) ? readdirSync(DEBIAN) : []
  const debian = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => join(DEBIAN, version, 'bin'))
  return [...debian, ...ELSEWHERE].find((folder) => existsSync(join(folder, 'initdb')))
}

/**
 * Starts the cluster under `directory`, which the caller has locked, and makes it at the first start.
 *
 * @throws when no Postgres is installed, or its user cannot reach the directory.
 */
export async function startLocalPostgres(directory: string): Promise<LocalPostgres> {
  const binaries = findPostgres()
  if (binaries === undefined) {
    throw new Error(
      'no Postgres is installed; install one (Debian: apt-get install postgresql) or name yours with --database postgres://…',
    )
  }
  const home = join(directory, 'postgres')
  mkdirSync(home, { recursive: true, mode: 0o700 })
  chmodSync(home, 0o700)
  const command = await programs(binaries, home)
  const files = join(home, 'files')
  const password = readPassword(directory)
  if (!existsSync(join(files, 'PG_VERSION'))) await makeCluster(command, home, files, password)
  const isUp = () =>
    command('pg_ctl', '-D', files, 'status').then(
      () => true,
      () => false,
    )
  const stop = () => command('pg_ctl', '-D', files, '-m', 'fast', '-w', 'stop')
  // Left by a start that was killed.
  if (await isUp()) await stop()
  const port = await freeTcpPort()
  const settings = `-h 127.0.0.1 -p ${port} -c unix_socket_directories= -c max_connections=${CONNECTIONS_MAX}`
  await command('pg_ctl', '-D', files, '-w', '-l', join(home, 'log'), '-o', settings, 'start')
  return {
    url: `postgres://postgres:${password}@127.0.0.1:${port}/postgres`,
    async stop() {
      if (await isUp()) await stop()
    },
  }
}

type Command = (name: string, ...argv: string[]) => Promise<unknown>

/** Postgres refuses to run as root: then it runs as the user that its package brought. */
async function programs(binaries: string, home: string): Promise<Command> {
  const options = { cwd: home, env: { PATH: process.env['PATH'], LC_ALL: 'C' } }
  if (process.getuid?.() !== 0) {
    return (name, ...argv) => run(join(binaries, name), argv, options)
  }
  const id = (flag: '-u' | '-g') =>
    Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  chownSync(home, id('-u'), id('-g'))
  const as = ['-u', 'postgres', '--']
  try {
    await run(RUNUSER, [...as, 'ls', home], { ...options, cwd: '/' })
  } catch (cause) {
    throw new Error(
      `the user postgres cannot reach ${home}; choose a --data that everybody may pass through, or name a database of yours with --database postgres://…`,
      { cause },
    )
  }
  return (name, ...argv) => run(RUNUSER, [...as, join(binaries, name), ...argv], options)
}

/** Whole or not at all: a first start that was killed begins anew. */
async function makeCluster(
  command: Command,
  home: string,
  files: string,
  password: string,
): Promise<void> {
  rmSync(files, { recursive: true, force: true })
  const passwordFile = join(home, 'password')
  const draft = `${files}.draft`
  rmSync(draft, { recursive: true, force: true })
  writeFileSync(passwordFile, password, { mode: 0o600 })
  if (process.getuid?.() === 0) {
    const uid = Number(execFileSync('id', ['-u', 'postgres'], { encoding: 'utf8' }))
    chownSync(passwordFile, uid, -1)
  }
  const access = ['-A', 'scram-sha-256', `--pwfile=${passwordFile}`, '-U', 'postgres']
  await command('initdb', '-D', draft, '-E', 'UTF8', '--locale=C', ...access)
  rmSync(passwordFile)
  await run('mv', [draft, files])
}

function readPassword(directory: string): string {
  const file = join(directory, 'database-password')
  if (!existsSync(file)) {
    writeFileSync(file, randomBytes(24).toString('base64url'), { mode: 0o600, flush: true })
  }
  return readFileSync(file, 'utf8')
}
