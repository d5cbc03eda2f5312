// The control plane under workerd, as processes of their own: to be killed, put to sleep, and started again on what
// they left.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { migrateDatabase } from '../../db/migrate.ts'
import { ensureAdminToken, ensureSigningKey } from '../../edge/node/secret-files.ts'
import { nodeRandom } from '../../runtime/node.ts'
import { familyOf, freeTcpPort, isAlive, until } from './programs.ts'
import type { FromChild, ToChild } from './workerd-child.ts'

const MIGRATIONS = join(import.meta.dirname, '..', '..', 'migrations')
const STARTED_WITHIN_MS = 60_000

export interface WorkerdOptions {
  /** Keeps key, token, log and the storage of the objects. */
  directory: string
  databaseUrl: string
  /** Default: a free one. */
  port?: number
  /** Further variables of the Worker, such as PALISADE_SWEEP_S. */
  variables?: Record<string, string>
}

/** One line of the log for each time that an object was woken, and for each alarm. */
export interface Wake {
  at: string
  event: 'object-woken' | 'object-alarmed'
  /** Name of the site, or of the desk. */
  object: string
  by?: 'request' | 'call' | 'message' | 'close' | 'alarm'
}

export interface Workerd {
  url: string
  adminToken: string
  tokenFile: string
  /** All that the Worker logged, one JSON object a line. */
  log(): string
  /** Ends workerd and its parent as a crash does. */
  kill(): Promise<void>
  /** Again, at the same port and on the same storage. */
  start(): Promise<void>
  /** Puts the object of a site to sleep as the platform does; waits until its database connections are idle. */
  evict(site: string): Promise<void>
  /** Lets a trigger of `wrangler.toml` come now; resolves when it has been dealt with. */
  trigger(cron: string): Promise<void>
  /** What an object was woken for until now; looks only at the log. */
  wakes(object: string): Wake[]
  stop(): Promise<void>
}

const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) killAll(child)
})

/** Brings the database to the present schema, makes key and token where they are missing, and starts. */
export async function startWorkerd(options: WorkerdOptions): Promise<Workerd> {
  const { directory, databaseUrl, variables = {} } = options
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  await migrateDatabase(databaseUrl, MIGRATIONS)
  await ensureSigningKey(directory)
  const tokenFile = ensureAdminToken(directory, nodeRandom)
  const port = options.port ?? (await freeTcpPort())
  let child = await launch(directory, port, databaseUrl, variables)
  let asked = 0
  const ask = (act: ToChild['act'], of: string) => {
    const id = ++asked
    const target = child
    return new Promise<void>((resolve, reject) => {
      const settle = (fault: string | undefined) => {
        target.off('message', onMessage)
        target.off('exit', onExit)
        if (fault === undefined) resolve()
        else reject(new Error(fault))
      }
      const onMessage = (message: FromChild) => {
        if ('id' in message && message.id === id) settle(message.fault)
      }
      const onExit = () => settle('the Worker ended')
      target.on('message', onMessage)
      target.on('exit', onExit)
      target.send({ id, act, of } satisfies ToChild)
    })
  }
  const log = () => {
    const file = join(directory, 'worker.log')
    return existsSync(file) ? readFileSync(file, 'utf8') : ''
  }
  return {
    url: `http://127.0.0.1:${port}`,
    adminToken: readFileSync(tokenFile, 'utf8').trim(),
    tokenFile,
    log,
    wakes: (object) => readWakes(log()).filter((wake) => wake.object === object),
    kill: () => crash(child),
    async start() {
      child = await launch(directory, port, databaseUrl, variables)
    },
    evict: (site) => ask('evict', site),
    trigger: (cron) => ask('trigger', cron),
    stop: () => stop(child),
  }
}

function readWakes(log: string): Wake[] {
  return log
    .split('\n')
    .filter((line) => /"event":"object-(woken|alarmed)"/.test(line))
    .map((line) => JSON.parse(line) as Wake)
}

async function launch(
  directory: string,
  port: number,
  databaseUrl: string,
  variables: Record<string, string>,
): Promise<ChildProcess> {
  const child = fork(
    join(import.meta.dirname, 'workerd-child.ts'),
    [join(directory), String(port)],
    {
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      execArgv: [],
      env: {
        ...process.env,
        PALISADE_DATABASE_URL: databaseUrl,
        PALISADE_VARIABLES: JSON.stringify(variables),
      },
    },
  )
  running.add(child)
  child.once('exit', () => running.delete(child))
  let printed = ''
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (bytes: Buffer) => {
      printed += bytes.toString('utf8')
    })
  }
  const signal = AbortSignal.timeout(STARTED_WITHIN_MS)
  const ended = new AbortController()
  const exit = once(child, 'exit', { signal: ended.signal }).then(
    () => {
      throw new Error(`the Worker did not start; it printed:\n${printed}`)
    },
    () => {},
  )
  await Promise.race([once(child, 'message', { signal }), exit])
  ended.abort()
  // The first request of all loads the Worker.
  await fetch(`http://127.0.0.1:${port}/healthz`, { signal })
  return child
}

function killAll(child: ChildProcess): number[] {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return []
  const family = familyOf(pid)
  for (const member of family) {
    try {
      process.kill(member, 'SIGKILL')
    } catch {
      // It ended meanwhile.
    }
  }
  return family
}

async function crash(child: ChildProcess): Promise<void> {
  const family = killAll(child)
  await until('all processes of the Worker gone', 10_000, () => !family.some(isAlive))
}

async function stop(child: ChildProcess): Promise<void> {
  const { pid } = child
  if (pid === undefined || child.exitCode !== null || child.signalCode !== null) return
  const family = familyOf(pid)
  child.kill('SIGTERM')
  await until('the Worker stopped', 15_000, () => !family.some(isAlive)).catch(() => crash(child))
}
