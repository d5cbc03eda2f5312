// The processes that `npm start` holds together: each with its log, ended together.
import { type ChildProcess, spawn } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { GENERATION_LIMITS, type GenerationLimits, LogGenerations } from './log-generations.ts'

const STOP_TIMEOUT_MS = 5000
const OUTPUT_KEPT = 64 * 1024
/** Shown of a child that ended by itself. */
const LAST_LINES = 3

export interface Child {
  output: string
  printed(pattern: RegExp): boolean
}

export class ChildProcesses {
  readonly logDirectory: string
  readonly #root: string
  readonly #limits: GenerationLimits
  readonly #children = new Map<string, ChildProcess>()
  #withheld: readonly string[] = []
  #stopping = false
  onUnexpectedEnd: (name: string, end: { log: string; lastLines: string }) => void = () => {}

  constructor(root: string, logDirectory: string, limits = GENERATION_LIMITS) {
    this.#root = root
    this.#limits = limits
    this.logDirectory = logDirectory
  }

  /** Variables of the environment that only `run` passes on: whoever goes on for days must not hold them. */
  withhold(variables: readonly string[]): void {
    this.#withheld = variables
  }

  /** Starts one of our entries; what it prints goes to its log. */
  start(name: string, entry: string, argv: string[], environment: NodeJS.ProcessEnv = {}): Child {
    if (this.#stopping) throw new Error(`${name} is not started: everything is being stopped`)
    mkdirSync(this.logDirectory, { recursive: true, mode: 0o700 })
    const log = new LogGenerations(join(this.logDirectory, `${name}.log`), this.#limits)
    const withheld = Object.fromEntries(this.#withheld.map((variable) => [variable, undefined]))
    const process_ = this.#spawn(entry, argv, { ...withheld, ...environment })
    const child: Child = { output: '', printed: (pattern) => pattern.test(child.output) }
    for (const stream of [process_.stdout, process_.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        child.output = (child.output + bytes.toString('utf8')).slice(-OUTPUT_KEPT)
        log.write(bytes)
      })
    }
    this.#children.set(name, process_)
    // What it started itself stays in its group, and would go on when it was killed.
    process_.on('exit', () => endGroup(process_.pid))
    // Only once all that it printed has come: its last words say why.
    process_.on('close', () => {
      this.#children.delete(name)
      log.close()
      const lastLines = child.output.trimEnd().split('\n').slice(-LAST_LINES).join('\n')
      this.onUnexpectedEnd(name, { log: log.path, lastLines })
    })
    return child
  }

  /** Runs one of our entries to its end. */
  run(
    entry: string,
    argv: string[],
    environment: NodeJS.ProcessEnv,
  ): Promise<{ code: number | null; output: string }> {
    const process_ = this.#spawn(entry, argv, environment)
    let output = ''
    for (const stream of [process_.stdout, process_.stderr]) {
      stream?.on('data', (bytes: Buffer) => {
        output += bytes.toString('utf8')
      })
    }
    return new Promise((ended) => process_.on('close', (code) => ended({ code, output })))
  }

  /** Asks every child to end and, after a while, ends it. */
  async stop(): Promise<void> {
    this.#stopping = true
    const ends = [...this.#children.values()].map(
      (child) =>
        new Promise<void>((ended) => {
          const timer = setTimeout(() => child.kill('SIGKILL'), STOP_TIMEOUT_MS)
          child.once('close', () => {
            clearTimeout(timer)
            ended()
          })
          child.kill('SIGTERM')
        }),
    )
    await Promise.all(ends)
  }

  #spawn(entry: string, argv: string[], environment: NodeJS.ProcessEnv): ChildProcess {
    return spawn(process.execPath, [join(this.#root, entry), ...argv], {
      cwd: this.#root,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...environment },
      // A group of its own: Ctrl-C in the terminal reaches us alone, and we end the children in order.
      detached: true,
    })
  }
}

function endGroup(leader: number | undefined): void {
  if (leader === undefined) return
  try {
    process.kill(-leader, 'SIGKILL')
  } catch {
    // Nobody was left.
  }
}

/** Asks again until it holds; throws `fault` when the time is over. A question that fails counts as no. */
export async function within(
  timeoutMs: number,
  fault: string,
  holds: () => boolean | Promise<boolean>,
): Promise<void> {
  let last: unknown
  for (const until = Date.now() + timeoutMs; Date.now() < until; ) {
    try {
      if (await holds()) return
    } catch (error) {
      last = error
    }
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  throw new Error(last instanceof Error ? `${fault}: ${last.message}` : fault, { cause: last })
}
