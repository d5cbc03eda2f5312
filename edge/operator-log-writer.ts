// Writes the operator log behind the answers, a few entries at a time, in the order in which they came. While
// the database does not take them they wait; what it never takes goes to the process log, so that none is lost.
import type { Cancel, Clock } from '../core/ports.ts'
import type { Db } from '../db/client.ts'
import { appendOperatorEntries, type NewOperatorEntry } from '../db/operator-log.ts'
import { describeError } from './errors.ts'
import type { Log, OperatorLog } from './ports.ts'

const BATCH = 100
/** Entries that wait at most; what comes beyond goes to the process log. */
const WAITING_MAX = 10_000
const RETRY_MS = 5000
/** How long a stop waits for the database. */
const STOP_WITHIN_MS = 5000

interface Ports {
  db: Db
  clock: Clock
  log: Log
}

export class OperatorLogWriter implements OperatorLog {
  readonly #ports: Ports
  readonly #waiting: NewOperatorEntry[] = []
  #busy = false
  #writing: Promise<void> = Promise.resolve()
  #cancelRetry: Cancel | undefined
  #stopped = false

  constructor(ports: Ports) {
    this.#ports = ports
  }

  record(entry: NewOperatorEntry): void {
    if (this.#stopped || this.#waiting.length >= WAITING_MAX) return this.#giveUp(entry)
    this.#waiting.push(entry)
    if (this.#cancelRetry === undefined) this.#write()
  }

  /** Writes what waits. What the database does not take within five seconds goes to the process log. */
  async stop(): Promise<void> {
    this.#endRetry()
    this.#write()
    let cancel: Cancel = () => {}
    const late = new Promise<void>((resolve) => {
      cancel = this.#ports.clock.after(STOP_WITHIN_MS, resolve)
    })
    await Promise.race([this.#writing, late])
    cancel()
    this.#stopped = true
    this.#endRetry()
    for (const entry of this.#waiting.splice(0)) this.#giveUp(entry)
  }

  #write(): void {
    if (this.#busy) return
    this.#busy = true
    this.#writing = this.#drain()
  }

  /** Whoever records while this ends finds it either busy with one more look, or idle. */
  async #drain(): Promise<void> {
    const { db, clock, log } = this.#ports
    while (this.#waiting.length > 0 && !this.#stopped) {
      const batch = this.#waiting.slice(0, BATCH)
      try {
        await appendOperatorEntries(db, batch)
        this.#waiting.splice(0, batch.length)
      } catch (error) {
        log('error', 'operator-log-unwritten', { entries: batch.length, ...describeError(error) })
        this.#cancelRetry = clock.after(RETRY_MS, () => {
          this.#cancelRetry = undefined
          this.#write()
        })
        break
      }
    }
    this.#busy = false
  }

  #endRetry(): void {
    this.#cancelRetry?.()
    this.#cancelRetry = undefined
  }

  #giveUp(entry: NewOperatorEntry): void {
    this.#ports.log('error', 'operator-log-entry', { ...entry })
  }
}
