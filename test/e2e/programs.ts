// Real processes of the black-box tests: started, watched, killed, and gone when the test run is.
import { type ChildProcess, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

export const ROOT = join(import.meta.dirname, '..', '..')

const running = new Set<ChildProcess>()
// What an interrupted run left behind must not outlive it: asked to end, each ends its own children too.
process.once('exit', () => {
  for (const child of running) {
    child.kill('SIGCONT')
    child.kill('SIGTERM')
  }
})

export interface LaunchOptions {
  env?: NodeJS.ProcessEnv
  cwd?: string
  input?: string | Uint8Array
}

export class Program {
  readonly #child: ChildProcess
  readonly #ended: Promise<number | null>
  stdout = ''
  stderr = ''

  constructor(file: string, argv: readonly string[], { env, cwd = ROOT, input }: LaunchOptions) {
    const child = spawn(file, argv, {
      cwd,
      env: { ...process.env, ...env },
      stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'],
    })
    this.#child = child
    running.add(child)
    child.stdout?.on('data', (bytes: Buffer) => {
      this.stdout += bytes.toString('utf8')
    })
    child.stderr?.on('data', (bytes: Buffer) => {
      this.stderr += bytes.toString('utf8')
    })
    child.stdin?.on('error', () => {})
    if (input !== undefined) child.stdin?.end(input)
    this.#ended = once(child, 'close').then(([code]) => {
      running.delete(child)
      return code as number | null
    })
  }

  get pid(): number {
    const { pid } = this.#child
    if (pid === undefined) throw new Error('the program did not start')
    return pid
  }

  /** All that it printed. */
  get output(): string {
    return this.stdout + this.stderr
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Resolves with the exit code once it has ended and all its output has come. */
  ended(timeoutMs = 60_000): Promise<number | null> {
    return inTime(this.#ended, timeoutMs, () => `it did not end; it printed:\n${this.output}`)
  }

  async printed(pattern: RegExp, timeoutMs = 60_000): Promise<RegExpExecArray> {
    const find = () => pattern.exec(this.output)
    const found = await until(`${pattern} in the output`, timeoutMs, () => {
      const match = find()
      if (match === null && !this.alive) throw new Stop(`it ended:\n${this.output}`)
      return match ?? false
    }).catch((cause) => {
      throw new Error(`${cause.message}; it printed:\n${this.output}`, { cause })
    })
    return found
  }

  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** As a crash does it. */
  async kill(): Promise<void> {
    if (!this.alive) return
    this.#child.kill('SIGKILL')
    await this.#ended
  }

  /** Ends it as a person would, and after a while by force. */
  async stop(timeoutMs = 10_000): Promise<void> {
    if (!this.alive) return
    this.#child.kill('SIGCONT')
    this.#child.kill('SIGTERM')
    await this.ended(timeoutMs).catch(() => this.kill())
  }
}

/** Starts one of our entries, or another script, under this very Node. */
export function launch(argv: readonly string[], options: LaunchOptions = {}): Program {
  return new Program(process.execPath, argv, options)
}

/** What a test has to give back, last first. All of it is tried, whatever fails on the way. */
export class Closing {
  readonly #closers: (() => unknown)[] = []

  add(closer: () => unknown): void {
    this.#closers.push(closer)
  }

  /** A directory that goes with the test. */
  directory(): string {
    const path = mkdtempSync(join(tmpdir(), 'palisade-e2e-'))
    this.add(() => rmSync(path, { recursive: true, force: true, maxRetries: 5 }))
    return path
  }

  async run(): Promise<void> {
    const faults: unknown[] = []
    for (const closer of this.#closers.splice(0).reverse()) {
      try {
        await closer()
      } catch (error) {
        faults.push(error)
      }
    }
    if (faults.length > 0) throw new AggregateError(faults, `not closed: ${faults.join('; ')}`)
  }
}

/** Thrown by a look of `until`: it will never hold. */
class Stop extends Error {}

/** Looks again until there is something other than false; errors of a look count as not yet. */
export async function until<T>(
  what: string,
  timeoutMs: number,
  look: () => T | false | Promise<T | false>,
): Promise<T> {
  let last: unknown
  for (const end = performance.now() + timeoutMs; ; ) {
    try {
      const seen = await look()
      if (seen !== false) return seen
    } catch (error) {
      if (error instanceof Stop) throw error
      last = error
    }
    if (performance.now() >= end) break
    await sleep(25)
  }
  const why = last instanceof Error ? `: ${last.message}` : ''
  throw new Error(`not within ${timeoutMs} ms: ${what}${why}`, { cause: last })
}

async function inTime<T>(promise: Promise<T>, timeoutMs: number, fault: () => string): Promise<T> {
  const timer = new AbortController()
  const late = sleep(timeoutMs, undefined, { signal: timer.signal, ref: false }).then(
    () => {
      throw new Error(`not within ${timeoutMs} ms: ${fault()}`)
    },
    () => promise,
  )
  try {
    return await Promise.race([promise, late])
  } finally {
    timer.abort()
  }
}

/** A process and everything below it, by the kernel's own list. */
export function familyOf(pid: number): number[] {
  const parents = new Map<number, number>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
      parents.set(Number(name), Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]))
    } catch {
      // It ended meanwhile.
    }
  }
  const family = [pid]
  for (const member of family) {
    for (const [child, parent] of parents) if (parent === member) family.push(child)
  }
  return family
}

export function isAlive(pid: number): boolean {
  try {
    return !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Of its arguments, as anyone on the machine can read them. */
export function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'latin1')
  } catch {
    return ''
  }
}

export async function freeTcpPort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  server.close()
  await once(server, 'close')
  if (address === null || typeof address === 'string') throw new Error('no TCP port')
  return address.port
}

export async function freeUdpPort(): Promise<number> {
  const socket = createSocket('udp4').bind(0, '127.0.0.1')
  await once(socket, 'listening')
  const { port } = socket.address()
  socket.close()
  return port
}
