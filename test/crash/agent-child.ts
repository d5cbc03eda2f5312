// An agent's process as the test that started it holds it.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { JournalRecord } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import type { AgentStart, FromAgent, ToAgent } from './agent-messages.ts'

const PROGRAM = join(import.meta.dirname, 'agent-process.ts')
/** Hundreds of processes start: each reads what the first has compiled. */
const COMPILED = join(tmpdir(), 'palisade-crash-compiled')

const living = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of living) child.kill('SIGKILL')
})

export class AgentChild {
  /** Monotonic ms. */
  readonly startedAt = nodeClock.now()
  readonly records: JournalRecord[] = []
  /** What each append with records of orders carried. */
  readonly appends: string[][] = []
  readonly journalled = new Set<string>()
  readonly ended: Promise<void>
  failure: string | undefined
  stopNoticePort = 0
  readonly #child: ChildProcess
  readonly #up: Promise<void>
  readonly #watchers = new Set<() => void>()

  /** `wrapper` is a command that starts the one behind it, in surroundings of its own. */
  constructor(start: Omit<AgentStart, 'type'>, wrapper: readonly string[] = []) {
    const [execPath = process.execPath, ...execArgv] = [...wrapper, process.execPath]
    this.#child = fork(PROGRAM, [], {
      execPath,
      execArgv,
      serialization: 'advanced',
      env: { ...process.env, NODE_COMPILE_CACHE: COMPILED },
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    })
    living.add(this.#child)
    this.#child.on('error', () => {})
    this.ended = once(this.#child, 'exit').then(() => {
      living.delete(this.#child)
      this.#tell()
    })
    this.#up = new Promise((resolve, reject) => {
      this.#child.on('message', (message: FromAgent) => {
        this.#take(message)
        if (message.type === 'up') resolve()
      })
      void this.ended.then(() => reject(new Error(this.failure ?? 'the agent died as it started')))
    })
    this.#up.catch(() => {})
    this.say({ type: 'start', ...start })
  }

  get pid(): number {
    if (this.#child.pid === undefined) throw new Error('the agent did not start')
    return this.#child.pid
  }

  get alive(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  /** Whether it ended as the matrix wants it: by SIGKILL and by nothing else. */
  get wasKilled(): boolean {
    return this.#child.signalCode === 'SIGKILL'
  }

  /** Resolves once it has taken up what its journal holds; false when it died before. */
  async up(): Promise<boolean> {
    try {
      await this.#up
      return true
    } catch {
      return false
    }
  }

  say(message: ToAgent): void {
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  /** From here on it does nothing more. */
  kill(): void {
    this.#child.kill('SIGKILL')
  }

  /** Resolves true once it holds, false when the agent has died without it. Rejects when the time is over. */
  until(what: string, timeoutMs: number, holds: () => boolean): Promise<boolean> {
    return new Promise((resolve, reject) => {
      const settle = (act: () => void) => {
        cancel()
        this.#watchers.delete(look)
        act()
      }
      const look = () => {
        if (holds()) settle(() => resolve(true))
        else if (!this.alive) settle(() => resolve(false))
      }
      const cancel = nodeClock.after(timeoutMs, () =>
        settle(() => reject(new Error(`not within ${timeoutMs} ms: ${what}`))),
      )
      this.#watchers.add(look)
      look()
    })
  }

  #take(message: FromAgent): void {
    switch (message.type) {
      case 'up':
        this.stopNoticePort = message.stopNoticePort
        break
      case 'append':
        this.appends.push(message.kinds)
        break
      case 'durable':
        this.records.push(...message.records)
        break
      case 'journalled':
        this.journalled.add(message.order)
        break
      case 'failed':
        this.failure = message.said
    }
    this.#tell()
  }

  #tell(): void {
    for (const watcher of [...this.#watchers]) watcher()
  }
}
