// The few session slots of a BMC. Idle sessions go after a minute, unfinished logins much sooner, so that
// nobody can fill the table for long (spec protocols.md §1.5).
import type { Clock, Random } from '../../core/ports.ts'
import { SequenceWindow } from './session.ts'
import type { Exchange, SessionKeys, Suite } from './suite.ts'

export interface Session {
  bmcId: number
  consoleId: number
  suite: Suite
  phase: 'opened' | 'challenged' | 'active'
  /** From RAKP 1 on. */
  exchange: Exchange | undefined
  /** From RAKP 3 on. */
  keys: SessionKeys | undefined
  privilege: number
  privilegeLimit: number
  window: SequenceWindow
  nextSequence: number
  usedAt: number
}

const INACTIVITY_MS = 60_000
const LOGIN_MS = 5_000

export class SessionTable {
  readonly #slots: number
  readonly #clock: Clock
  readonly #random: Random
  #sessions = new Map<number, Session>()

  constructor(slots: number, clock: Clock, random: Random) {
    this.#slots = slots
    this.#clock = clock
    this.#random = random
  }

  get size(): number {
    this.#forgetIdle()
    return this.#sessions.size
  }

  /** Undefined when every slot is taken. A repeated request gets the session it has already opened. */
  open(consoleId: number, suite: Suite): Session | undefined {
    this.#forgetIdle()
    for (const session of this.#sessions.values()) {
      const same = session.consoleId === consoleId && session.suite === suite
      if (same && session.phase === 'opened') return session
    }
    if (this.#sessions.size >= this.#slots) return undefined
    const session: Session = {
      bmcId: this.#freeId(),
      consoleId,
      suite,
      phase: 'opened',
      exchange: undefined,
      keys: undefined,
      privilege: 2,
      privilegeLimit: 2,
      window: new SequenceWindow(),
      nextSequence: 1,
      usedAt: this.#clock.now(),
    }
    this.#sessions.set(session.bmcId, session)
    return session
  }

  find(bmcId: number): Session | undefined {
    this.#forgetIdle()
    return this.#sessions.get(bmcId)
  }

  touch(session: Session): void {
    session.usedAt = this.#clock.now()
  }

  close(bmcId: number): boolean {
    return this.#sessions.delete(bmcId)
  }

  clear(): void {
    this.#sessions.clear()
  }

  #forgetIdle(): void {
    const now = this.#clock.now()
    for (const [id, session] of this.#sessions) {
      const limitMs = session.phase === 'active' ? INACTIVITY_MS : LOGIN_MS
      if (now - session.usedAt > limitMs) this.#sessions.delete(id)
    }
  }

  #freeId(): number {
    for (;;) {
      const id = Buffer.from(this.#random.bytes(4)).readUInt32LE()
      if (id !== 0 && !this.#sessions.has(id)) return id
    }
  }
}
