// Runs ladders: journals every intent before its effect and every answer after it, fires, looks, and keeps
// the timers (spec architecture.md, decisions 1, 2 and 4; redundancy.md, "Sending an effect").
import { type Action, type Input, type Ladder, type Moment, wakeAt } from '../core/ladder/ladder.ts'
import { step } from '../core/ladder/step.ts'
import { stillWants } from '../core/ladder/wanted.ts'
import type { Conclusion } from '../core/outcome.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Shot, ShotAnswer } from '../core/shot.ts'
import type { Body } from '../protocol/report.ts'
import { armShot, lookAtOutlets, lookAtPower, probe, waitForWay } from './device-access.ts'
import type { Devices } from './devices.ts'
import type { LooseShots } from './loose.ts'

/** An effect leaves only while the decision for it is this fresh: a paused machine must not shoot late. */
export const INTENT_FRESH_MS = 200
/** How often a stale intent is written again before the shot counts as never sent. */
const INTENT_ATTEMPTS_MAX = 10

export interface Appender {
  /** Resolves when the records are durable, in the very turn that learns of it. */
  append(bodies: readonly Body[]): Promise<unknown>
  /** The disk is full but for what open ladders need: no new order may be accepted. */
  readonly spaceIsLow: boolean
}

export interface ExecutorOptions {
  clock: Clock
  bootId: string
  journal: Appender
  devices: Devices
  loose: LooseShots
  /** The device accepted this effect, however late. */
  struck(server: string, shot: Shot): void
  /** A durable conclusion: from here on it may be told to anyone. */
  concluded(ladder: Ladder, conclusion: Conclusion): void
  ended(ladder: Ladder): void
  /** The journal failed: nothing may be done any more. */
  failed(error: unknown): void
}

interface Running {
  ladder: Ladder
  /** A restore runs on the same ladder, but is not a reset in the audit. */
  kind: 'reset' | 'restore'
  wake?: Cancel
}

export class Executor {
  readonly #options: ExecutorOptions
  readonly #running = new Map<string, Running>()

  constructor(options: ExecutorOptions) {
    this.#options = options
  }

  /** Ladders under way, restores included. */
  list(): { ladder: Ladder; kind: 'reset' | 'restore' }[] {
    return [...this.#running.values()]
  }

  findByServer(server: string): { ladder: Ladder; kind: 'reset' | 'restore' } | undefined {
    return this.list().find(({ ladder }) => ladder.plan.server === server)
  }

  /** Takes over a ladder whose acceptance is already handed to the journal, with its first actions. */
  run(kind: Running['kind'], [ladder, actions]: [Ladder, Action[]]): void {
    const running: Running = { ladder, kind }
    this.#running.set(ladder.order, running)
    this.#perform(running, actions)
  }

  /** Gives one input to a ladder; ignored when it has ended. */
  give(order: string, input: Input): void {
    const running = this.#running.get(order)
    if (!running) return
    const [ladder, actions] = step(running.ladder, input, this.#moment())
    running.ladder = ladder
    this.#perform(running, actions)
  }

  /** Ends a restore for a reset that comes in its way (spec domain.md §9). */
  abort(order: string, detail: string): void {
    const running = this.#running.get(order)
    if (running?.kind !== 'restore') return
    this.#drop(running)
    this.#write([{ kind: 'operation-ended', order, status: 'aborted', detail }])
  }

  /** Stops all timers. Ladders stay open in the journal and are taken up at the next start. */
  stop(): void {
    for (const running of this.#running.values()) running.wake?.()
    this.#running.clear()
  }

  #moment(): Moment {
    return { ms: this.#options.clock.now(), wall: this.#options.clock.wall() }
  }

  #mono() {
    return { bootId: this.#options.bootId, ms: this.#options.clock.now() }
  }

  #drop(running: Running): void {
    running.wake?.()
    this.#running.delete(running.ladder.order)
  }

  #perform(running: Running, actions: Action[]): void {
    const shots = actions.filter((action) => action.type === 'fire').map(({ shot }) => shot)
    if (shots.length > 0) this.#shoot(running.ladder, shots)
    for (const action of actions) this.#act(running, action)
    running.wake?.()
    delete running.wake
    const due = wakeAt(running.ladder)
    if (due === undefined || !this.#running.has(running.ladder.order)) return
    running.wake = this.#options.clock.after(due - this.#options.clock.now(), () =>
      this.give(running.ladder.order, { type: 'tick' }),
    )
  }

  #act(running: Running, action: Action): void {
    const { devices } = this.#options
    const { order, plan } = running.ladder
    switch (action.type) {
      case 'fire':
        return
      case 'look-at-power':
        void lookAtPower(devices, plan.server, action.timeoutMs, this.#options.clock).then((look) =>
          this.give(order, { type: 'power', look }),
        )
        return
      case 'look-at-outlets': {
        const { pdu, outlets, timeoutMs } = action
        void lookAtOutlets(devices, pdu, outlets, timeoutMs, this.#options.clock).then((look) =>
          this.give(order, { type: 'outlets', look }),
        )
        return
      }
      case 'probe':
        void probe(devices, plan.server, action.timeoutMs).then((answered) =>
          this.give(order, { type: 'probed', answered }),
        )
        return
      case 'conclude':
        return this.#conclude(running, action.conclusion)
      case 'recover':
        return this.#recover(running, action)
      case 'alarm': {
        const { code, detail } = action
        return this.#write([{ kind: 'alarm', code, subject: plan.server, detail, raised: true }])
      }
      case 'end':
        return this.#end(running)
    }
  }

  #conclude(running: Running, conclusion: Conclusion): void {
    const { order } = running.ladder
    const record: Body = { kind: 'concluded', order, conclusion, mono: this.#mono() }
    this.#options.journal.append([record]).then(
      () => {
        this.#options.concluded(running.ladder, conclusion)
        this.give(order, { type: 'recorded' })
      },
      (error) => this.#options.failed(error),
    )
  }

  #recover(running: Running, { recovery, detail }: Extract<Action, { type: 'recover' }>): void {
    const { order } = running.ladder
    if (running.kind === 'restore') {
      const status = recovery === 'restored' ? 'done' : 'failed'
      return this.#write([{ kind: 'operation-ended', order, status, detail }])
    }
    this.#write([{ kind: 'recovery', order, recovery, detail, mono: this.#mono() }])
  }

  #end(running: Running): void {
    this.#drop(running)
    const { order } = running.ladder
    if (running.kind === 'reset') this.#write([{ kind: 'ended', order }])
    this.#options.ended(running.ladder)
  }

  #write(bodies: Body[]): void {
    this.#options.journal.append(bodies).catch((error) => this.#options.failed(error))
  }

  /**
   * Shots of one turn belong together (all feeds at once): their intents are one write. A device that is
   * just being connected is waited for before the intent, never between intent and effect.
   */
  #shoot(ladder: Ladder, shots: Shot[]): void {
    const { devices, clock } = this.#options
    const ready = shots.filter(
      (shot) => waitForWay(devices, ladder.plan.server, shot) === undefined,
    )
    if (ready.length > 0) void this.#intend(ladder, ready, 1)
    for (const shot of shots) {
      const way = waitForWay(devices, ladder.plan.server, shot)
      if (way === undefined) continue
      const limitMs = Math.max(0, (wakeAt(ladder) ?? clock.now()) - clock.now())
      void way(limitMs).then(() => this.#intend(ladder, [shot], 1))
    }
  }

  async #intend(ladder: Ladder, shots: Shot[], attempt: number): Promise<void> {
    const { journal, clock } = this.#options
    const { order } = ladder
    const wanted = shots.filter((shot) => this.#wants(order, shot))
    if (wanted.length === 0) return
    const askedAt = clock.now()
    const mono = this.#mono()
    try {
      await journal.append(wanted.map((shot) => ({ kind: 'intent', order, shot, mono })))
    } catch (error) {
      this.#options.failed(error)
      return
    }
    // Nothing is awaited from here to the effect.
    const stale: Shot[] = []
    for (const shot of wanted) if (!this.#fire(ladder, shot, askedAt)) stale.push(shot)
    if (stale.length === 0) return
    if (attempt < INTENT_ATTEMPTS_MAX) return this.#intend(ladder, stale, attempt + 1)
    for (const shot of stale) {
      this.#answered(ladder, shot, 'unreachable', 'the journal is too slow to act on')
    }
  }

  #wants(order: string, shot: Shot): boolean {
    const running = this.#running.get(order)
    return running !== undefined && stillWants(running.ladder, shot.id)
  }

  /** Returns false when the intent has grown stale and must be written again. */
  #fire(ladder: Ladder, shot: Shot, askedAt: number): boolean {
    const { devices, clock, loose } = this.#options
    if (!this.#wants(ladder.order, shot)) {
      this.#answered(ladder, shot, 'unreachable', 'no longer wanted')
      return true
    }
    const armed = armShot(devices, ladder.plan.server, shot)
    if ('detail' in armed) {
      this.#answered(ladder, shot, 'unreachable', armed.detail)
      return true
    }
    const sentAt = clock.now()
    const sent = armed.fire(
      () => clock.now() - askedAt <= INTENT_FRESH_MS,
      (answer) => this.#answered(ladder, shot, answer.kind, answer.detail),
    )
    if (sent) loose.add({ order: ladder.order, server: ladder.plan.server, shot, sentAt })
    return sent
  }

  #answered(ladder: Ladder, shot: Shot, answer: ShotAnswer, detail: string): void {
    const { order, plan } = ladder
    if (answer !== 'lost') this.#options.loose.answered(order, shot.id)
    if (answer === 'accepted') this.#options.struck(plan.server, shot)
    this.#write([{ kind: 'answer', order, shot: shot.id, answer, detail, mono: this.#mono() }])
    this.give(order, { type: 'answered', shot: shot.id, answer, detail })
  }
}
