// A server of the bench as a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { until } from '../instants.ts'

const ROOT = join(import.meta.dirname, '..', '..', '..')

export interface ServerProcess {
  url: string
  pids(): number[]
  stop(): Promise<void>
}

/** Resolves when it has printed where it listens, as `control plane<tab>URL`. */
export async function startServer(
  entry: string,
  argv: string[],
  environment: NodeJS.ProcessEnv,
): Promise<ServerProcess> {
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
  return { url: found() ?? '', pids: () => [child.pid ?? 0], stop: () => end(child) }
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  await ended
}
