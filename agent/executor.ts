// Runs courses (ladders, restores, tests): journals every intent before its effect and every answer after it,
// fires, looks, and keeps the timers (spec architecture.md, decisions 1, 2 and 4; redundancy.md, "Sending an
// effect").
import type { Course, Move } from '../core/course.ts'
import type { Action, Input, Ladder, Moment } from '../core/ladder/ladder.ts'
import { BMC } from '../core/ladder/turn.ts'
import type { OperationEnding } from '../core/operation.ts'
import type { Conclusion } from '../core/outcome.ts'
import type { Cancel, Clock } from '../core/ports.ts'
import type { Device, Shot, ShotAnswer } from '../core/shot.ts'
import type { LogLook } from '../core/supply-log.ts'
import type { Body } from '../protocol/report.ts'
import {
  armShot,
  lookAtLogs,
  lookAtOutlets,
  lookAtPower,
  probe,
  refusePlace,
  waitForWay,
} from './device-access.ts'
import type { Devices } from './devices.ts'
import type { LooseShots } from './loose.ts'

/** An effect leaves only while the decision for it is this fresh: a paused machine must not shoot late. */
export const INTENT_FRESH_MS = 200
/** A timer that is this late tells that the whole process stood still. */
const STOOD_STILL_MS = 250
/** Then what came meanwhile is read before anybody is called silent. */
const CATCH_UP_MS = 20
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
  struck(course: Course, shot: Shot): void
  /** A durable conclusion: from here on it may be told to anyone. */
  concluded(ladder: Ladder, conclusion: Conclusion): void
  /** The ending of a restore or test was handed to the journal. */
  finished(course: Course, ending: OperationEnding): void
  ended(course: Course): void
  /** The journal failed: nothing may be done any more. */
  failed(error: unknown): void
}

interface Running {
  course: Course
  wake?: Cancel
}

export class Executor {
  readonly #options: ExecutorOptions
  readonly #running = new Map<string, Running>()
  /** When a feed of each machine was last cut, epoch ms: its losses then are no other feed's. */
  readonly #cutAtMs = new Map<string, number>()

  constructor(options: ExecutorOptions) {
    this.#options = options
  }

  /** Everything under way. */
  list(): Course[] {
    return [...this.#running.values()].map(({ course }) => course)
  }

  /** The reset of this server, else the restore or test that is under way on it. */
  findByServer(server: string): Course | undefined {
    const there = this.list().filter((course) => course.server === server)
    return there.find(({ kind }) => kind === 'reset') ?? there[0]
  }

  /** Takes over a course whose acceptance is already handed to the journal, with its first actions. */
  run([course, actions]: Move): void {
    const running: Running = { course }
    this.#running.set(course.order, running)
    this.#perform(running, actions)
  }

  /** Gives one input to a course; ignored when it has ended. */
  give(order: string, input: Input): void {
    const running = this.#running.get(order)
    if (!running) return
    const [course, actions] = running.course.step(input, this.#moment())
    running.course = course
    this.#perform(running, actions)
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
    this.#running.delete(running.course.order)
  }

  #perform(running: Running, actions: Action[]): void {
    const shots = actions.filter((action) => action.type === 'fire').map(({ shot }) => shot)
    if (shots.length > 0) this.#shoot(running.course, shots)
    for (const action of actions) this.#act(running, action)
    running.wake?.()
    delete running.wake
    const { order, wakeAt } = running.course
    if (wakeAt === undefined || !this.#running.has(order)) return
    running.wake = this.#options.clock.after(wakeAt - this.#options.clock.now(), () =>
      this.#wake(running, wakeAt),
    )
  }

  #wake(running: Running, dueAt: number): void {
    const { clock } = this.#options
    const tick = () => this.give(running.course.order, { type: 'tick' })
    if (clock.now() - dueAt < STOOD_STILL_MS) return tick()
    running.wake = clock.after(CATCH_UP_MS, tick)
  }

  #act(running: Running, action: Action): void {
    const { devices, clock } = this.#options
    const { order, server } = running.course
    const refusal = (device: Device) => this.#refusePlace(running.course, device)
    switch (action.type) {
      case 'fire':
        return
      case 'look-at-power':
        void lookAtPower(devices, server, action.timeoutMs, clock, refusal(BMC)).then((look) =>
          this.give(order, { type: 'power', look }),
        )
        return
      case 'look-at-outlets': {
        const { pdu, outlets, timeoutMs } = action
        const why = refusal({ kind: 'outlet', pdu, outlet: 0 })
        void lookAtOutlets(devices, pdu, outlets, timeoutMs, clock, why).then((look) =>
          this.give(order, { type: 'outlets', look }),
        )
        return
      }
      case 'look-at-events':
        void lookAtLogs(devices, action.logs, action.timeoutMs).then((looks) =>
          this.give(order, { type: 'events', looks: this.#withCuts(looks, server) }),
        )
        return
      case 'probe':
        void probe(devices, server, action.timeoutMs).then((answered) =>
          this.give(order, { type: 'probed', answered }),
        )
        return
      case 'conclude':
        return this.#conclude(running, action.conclusion)
      case 'recover': {
        const { recovery, detail } = action
        return this.#write([{ kind: 'recovery', order, recovery, detail, mono: this.#mono() }])
      }
      case 'finish':
        this.#write([{ kind: 'operation-ended', order, ...action.ending }])
        return this.#options.finished(running.course, action.ending)
      case 'alarm': {
        const { code, detail } = action
        return this.#write([{ kind: 'alarm', code, subject: server, detail, raised: true }])
      }
      case 'end':
        return this.#end(running)
    }
  }

  #withCuts(looks: LogLook[], own: string): LogLook[] {
    return looks.map((look) => {
      const cutAtMs = look.server === own ? undefined : this.#cutAtMs.get(look.server)
      return cutAtMs === undefined ? look : { ...look, cutAtMs }
    })
  }

  #conclude({ course }: Running, conclusion: Conclusion): void {
    const { order, ladder } = course
    if (!ladder) throw new Error(`${course.kind} ${order} is no reset and has no conclusion`)
    const record: Body = { kind: 'concluded', order, conclusion, mono: this.#mono() }
    this.#options.journal.append([record]).then(
      () => {
        this.#options.concluded(ladder, conclusion)
        // A test that the reset ended may wait for this to bring back what it had switched off.
        const there = this.list().filter(({ server }) => server === course.server)
        for (const { order: id } of there) this.give(id, { type: 'recorded' })
      },
      (error) => this.#options.failed(error),
    )
  }

  #end(running: Running): void {
    this.#drop(running)
    const { kind, order } = running.course
    if (kind === 'reset') this.#write([{ kind: 'ended', order }])
    this.#options.ended(running.course)
  }

  #write(bodies: Body[]): void {
    this.#options.journal.append(bodies).catch((error) => this.#options.failed(error))
  }

  /**
   * Shots of one turn belong together (all feeds at once): their intents are one write. A device that is
   * just being connected is waited for before the intent, never between intent and effect.
   */
  #shoot(course: Course, shots: Shot[]): void {
    const { devices, clock } = this.#options
    const ready = shots.filter((shot) => waitForWay(devices, course.server, shot) === undefined)
    if (ready.length > 0) void this.#intend(course, ready, 1)
    for (const shot of shots) {
      const way = waitForWay(devices, course.server, shot)
      if (way === undefined) continue
      const limitMs = Math.max(0, (course.wakeAt ?? clock.now()) - clock.now())
      void way(limitMs).then(() => this.#intend(course, [shot], 1))
    }
  }

  async #intend(course: Course, shots: Shot[], attempt: number): Promise<void> {
    const { journal, clock } = this.#options
    const { order } = course
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
    for (const shot of wanted) if (!this.#fire(course, shot, askedAt)) stale.push(shot)
    if (stale.length === 0) return
    if (attempt < INTENT_ATTEMPTS_MAX) return this.#intend(course, stale, attempt + 1)
    for (const shot of stale) {
      this.#answered(course, shot, 'unreachable', 'the journal is too slow to act on')
    }
  }

  #wants(order: string, shot: Shot): boolean {
    return this.#running.get(order)?.course.wants(shot.id) ?? false
  }

  /** Returns false when the intent has grown stale and must be written again. */
  #fire(course: Course, shot: Shot, askedAt: number): boolean {
    const { devices, clock, loose } = this.#options
    const { order, server, stops } = course
    if (!this.#wants(order, shot)) {
      this.#answered(course, shot, 'unreachable', 'no longer wanted')
      return true
    }
    const refusal = this.#refusePlace(course, shot.device)
    const armed = refusal === undefined ? armShot(devices, server, shot) : { detail: refusal }
    if ('detail' in armed) {
      this.#answered(course, shot, 'unreachable', armed.detail)
      return true
    }
    // Before it is fired: its answer may come within.
    loose.add({ order, server, shot, stops, sentAt: clock.now() })
    const sent = armed.fire(
      () => clock.now() - askedAt <= INTENT_FRESH_MS,
      (answer) => this.#answered(course, shot, answer.kind, answer.detail),
    )
    if (!sent) {
      loose.answered(order, shot.id)
      return false
    }
    this.give(order, { type: 'sent', shot: shot.id })
    if (shot.rung === 'pdu') this.#cutAtMs.set(server, clock.wallMs())
    return true
  }

  #refusePlace({ ladder }: Course, device: Device): string | undefined {
    return ladder && refusePlace(this.#options.devices, ladder.plan, device)
  }

  #answered(course: Course, shot: Shot, answer: ShotAnswer, detail: string): void {
    const { order } = course
    if (answer !== 'lost') this.#options.loose.answered(order, shot.id)
    if (answer === 'accepted') this.#options.struck(course, shot)
    this.#write([{ kind: 'answer', order, shot: shot.id, answer, detail, mono: this.#mono() }])
    this.give(order, { type: 'answered', shot: shot.id, answer, detail })
  }
}
