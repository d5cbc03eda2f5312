// What the fleet is driven against: a control plane on one of the two runtimes, with a Postgres that syncs, all
// as processes of their own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { startPostgres } from '../../postgres.ts'
import { until } from '../instants.ts'
import { cpuMs, residentMb } from '../machine.ts'

export const TARGETS = ['node', 'workerd'] as const
export type TargetKind = (typeof TARGETS)[number]

export interface Target {
  name: string
  url: string
  adminToken: string
  databaseUrl: string
  /** Processes of the control plane; not those of Postgres. */
  pids(): number[]
  /** The bare server that reads are compared with, on the same runtime and database. */
  startBare(): Promise<Bare>
  stop(): Promise<void>
}

export interface Bare {
  url: string
  stop(): Promise<void>
}

const ROOT = join(import.meta.dirname, '..', '..', '..')

export async function startTarget(kind: TargetKind): Promise<Target> {
  if (kind === 'workerd') throw new Error('the control plane does not run on workerd yet')
  const directory = mkdtempSync(join(tmpdir(), 'palisade-fleet-'))
  const database = await startPostgres({ durable: true })
  const databaseUrl = await database.freshDatabase()
  const stop = async (child?: ChildProcess) => {
    if (child) await end(child)
    await database.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  const data = join(directory, 'control-plane')
  try {
    const { child, url } = await start('edge/node/main.ts', ['--data', data, '--port', '0'], {
      PALISADE_DATABASE_URL: databaseUrl,
    })
    return {
      name: 'Node + Postgres 15',
      url,
      adminToken: readFileSync(join(data, 'admin-token'), 'utf8').trim(),
      databaseUrl,
      pids: () => [child.pid ?? 0],
      startBare: async () => {
        const bare = await start('test/bench/fleet/bare-node.ts', [], { DATABASE_URL: databaseUrl })
        return { url: bare.url, stop: () => end(bare.child) }
      },
      stop: () => stop(child),
    }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Resident memory of the control plane in MB. */
export function memoryMb(target: Target): number {
  return target.pids().reduce((sum, pid) => sum + residentMb(pid), 0)
}

/** Processor time of the control plane so far. */
export function processorMs(target: Target): number {
  return target.pids().reduce((sum, pid) => sum + cpuMs(pid), 0)
}

/** Resolves when it has printed where it listens, as `control plane<tab>URL`. */
async function start(
  entry: string,
  argv: string[],
  environment: NodeJS.ProcessEnv,
): Promise<{ child: ChildProcess; url: string }> {
  const child = spawn(process.execPath, [join(ROOT, entry), ...argv], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  })
  let [printed, complained] = ['', '']
  child.stdout.on('data', (text) => {
    printed += text
  })
  child.stderr.on('data', (text) => {
    complained = `${complained}${text}`.slice(-2000)
  })
  const found = () => /^control plane\t(\S+)$/m.exec(printed)?.[1]
  try {
    await until(`${entry} starts`, 30_000, () => found() !== undefined)
  } catch (error) {
    await end(child)
    throw new Error(`${entry} does not start: ${complained}`, { cause: error })
  }
  return { child, url: found() ?? '' }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
