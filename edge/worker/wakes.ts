// What wakes an object, one log line each time: the proof that a quiet site sleeps, and what the bill is made of.
// Counted in the log, because an object that kept the counts would have to write them.
import type { Log } from '../ports.ts'

export type WakeCause = 'request' | 'call' | 'message' | 'close' | 'alarm'

export class Wakes {
  readonly #log: Log
  readonly #object: string
  #awake = false

  /** Made by the constructor of the object, which runs after every sleep. */
  constructor(log: Log, object: string) {
    this.#log = log
    this.#object = object
  }

  /** Alarms are told each: they are what would keep a quiet object from sleeping. */
  note(by: WakeCause): void {
    const object = this.#object
    if (!this.#awake) this.#log('info', 'object-woken', { object, by })
    else if (by === 'alarm') this.#log('info', 'object-alarmed', { object })
    this.#awake = true
  }
}
