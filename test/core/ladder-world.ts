// Runs one ladder against a machine room exactly as an executor does: intents are journalled before their
// effect, every look comes back once, a conclusion is told only when it is recorded. It can crash at any
// moment and go on from its journal.
import {
  type Action,
  type Circumstances,
  type Input,
  type Ladder,
  wakeAt,
} from '../../core/ladder/ladder.ts'
import { type HistoryEntry, resume } from '../../core/ladder/resume.ts'
import { open, step } from '../../core/ladder/step.ts'
import { stillWants } from '../../core/ladder/wanted.ts'
import type { Conclusion } from '../../core/outcome.ts'
import type { Plan } from '../../core/plan.ts'
import type { Shot } from '../../core/shot.ts'
import { MachineRoom, type RoomSetup, Timeline, wallOf } from './machine-room.ts'

export interface Crash {
  /** Right after this many journal writes, or at this time. */
  when: { writes: number } | { ms: number }
  /** For a crash right after an intent: whether its effect had left. */
  left: boolean
  downMs: number
  /** The machine boots anew, so that instants of the journal cannot be compared. */
  reboots: boolean
}

export interface RunSetup {
  plan: Plan
  circumstances: Partial<Circumstances>
  room: RoomSetup
  /** From asking for a journal write to its durability. */
  writeMs: number
  crashes: Crash[]
  limitMs: number
  /** Makes any later change of what `step` was given throw; costs as much as all the rest. */
  freezes: boolean
}

export class LadderRun {
  readonly time = new Timeline()
  readonly room: MachineRoom
  readonly journal: HistoryEntry[] = []
  readonly conclusions: { at: number; conclusion: Conclusion }[] = []
  readonly recoveries: string[] = []
  readonly alarms: string[] = []
  recordedAt: number | undefined
  endedAt: number | undefined
  ticks = 0
  ladder: Ladder | undefined
  /** Called at the moments at which a claim about the machine is made or an effect leaves. */
  watch: { concluding?: (conclusion: Conclusion) => void; sending?: (shot: Shot) => void } = {}
  readonly #setup: RunSetup
  readonly #crashes: Crash[]
  #life = 0
  #boots = 0
  readonly #asked = new Set<string>()
  #wake: { at: number | undefined } = { at: undefined }

  constructor(setup: RunSetup) {
    this.#setup = setup
    this.#crashes = [...setup.crashes]
    this.room = new MachineRoom(setup.room, this.time)
    this.room.heard = (address) => {
      if (!this.ladder) return
      this.#write({ kind: 'noticed', address, mono: this.#mono() })
      this.give({ type: 'notice', address })
    }
    for (const crash of setup.crashes) {
      if ('ms' in crash.when) this.time.after(crash.when.ms, () => this.#crash(crash))
    }
  }

  run(): this {
    const { plan, circumstances } = this.#setup
    const { recentNotice = false, loose = false } = circumstances
    this.journal.push({
      kind: 'accepted',
      order: 'rst_1',
      plan,
      recentNotice: recentNotice || circumstances.freshNotice !== undefined,
      loose,
      wiringProvenAt: circumstances.wiringProvenAt,
      leftOff: circumstances.leftOff,
      mono: this.#mono(),
    })
    const all = { outletsLastOff: false, ...circumstances, recentNotice, loose }
    this.#go(open('rst_1', freezeDeep(plan), all, this.#moment()))
    this.time.runUntil(this.#setup.limitMs, () => this.endedAt !== undefined)
    return this
  }

  /** What was sent to devices, in order: `ms action device`. */
  get effects(): string[] {
    return this.room.sent.map(({ at, shot: { action, device } }) =>
      device.kind === 'bmc' ? `${at} ${action}` : `${at} ${action} ${device.pdu}/${device.outlet}`,
    )
  }

  get conclusion(): Conclusion | undefined {
    return this.conclusions.at(-1)?.conclusion
  }

  give(input: Input): void {
    if (this.ladder) this.#go(step(this.ladder, input, this.#moment()))
  }

  #go([ladder, actions]: [Ladder, Action[]]): void {
    this.ladder = this.#setup.freezes ? freezeDeep(ladder) : ladder
    const life = this.#life
    for (const action of actions) {
      if (life !== this.#life) return
      this.#act(action)
    }
    if (life === this.#life) this.#setTimer()
  }

  #setTimer(): void {
    if (!this.ladder) return
    const at = wakeAt(this.ladder)
    if (at === undefined || at === this.#wake.at) return
    const wake = { at }
    this.#wake = wake
    const life = this.#life
    this.time.after(Math.max(0, at - this.time.now), () => {
      if (life !== this.#life || this.#wake !== wake) return
      this.#wake = { at: undefined }
      this.ticks += 1
      this.give({ type: 'tick' })
      const next = this.ladder && wakeAt(this.ladder)
      if (life === this.#life && next !== undefined && next <= this.time.now) {
        throw new Error(`the ladder wants to be woken at ${next}, which is not after now`)
      }
    })
  }

  /** A slow device is asked one question of a kind at a time. */
  #only(question: string): void {
    if (this.#asked.has(question)) throw new Error(`${question} is asked while it is being asked`)
    this.#asked.add(question)
  }

  #back(question: string, input: Input): void {
    this.#asked.delete(question)
    this.give(input)
  }

  /** What comes back later is for this life of the agent only. */
  #mine<T extends unknown[]>(take: (...values: T) => void): (...values: T) => void {
    const life = this.#life
    return (...values) => {
      if (life === this.#life) take(...values)
    }
  }

  #act(action: Action): void {
    switch (action.type) {
      case 'fire':
        return this.#shoot(action.shot)
      case 'look-at-power':
        this.#only(action.type)
        return this.room.readPower(
          action.timeoutMs,
          this.#mine((look) => this.#back(action.type, { type: 'power', look })),
        )
      case 'look-at-outlets':
        this.#only(action.pdu)
        return this.room.readOutlets(
          action.pdu,
          action.outlets,
          action.timeoutMs,
          this.#mine((look) => this.#back(action.pdu, { type: 'outlets', look })),
        )
      case 'probe':
        this.#only(action.type)
        return this.room.probe(
          action.timeoutMs,
          this.#mine((answered) => this.#back(action.type, { type: 'probed', answered })),
        )
      case 'conclude':
        return this.#conclude(action.conclusion)
      case 'recover':
        this.recoveries.push(action.recovery)
        this.#write({ kind: 'recovery', recovery: action.recovery, mono: this.#mono() })
        return
      case 'alarm':
        return void this.alarms.push(action.code)
      case 'end':
        this.#write({ kind: 'ended' })
        this.endedAt = this.time.now
        this.ladder = undefined
    }
  }

  #shoot(shot: Shot): void {
    const fire = () => {
      if (!this.ladder || !stillWants(this.ladder, shot.id)) return
      if (!this.#write({ kind: 'intent', shot, mono: this.#mono() })) return
      this.watch.sending?.(shot)
      this.give({ type: 'sent', shot: shot.id })
      this.room.send(
        shot,
        this.#mine((answer, detail) => {
          this.#write({ kind: 'answer', shot: shot.id, answer, detail, mono: this.#mono() })
          this.give({ type: 'answered', shot: shot.id, answer, detail })
        }),
      )
    }
    this.time.after(this.#setup.writeMs, this.#mine(fire))
  }

  #conclude(conclusion: Conclusion): void {
    this.watch.concluding?.(conclusion)
    const recorded = () => {
      this.conclusions.push({ at: this.time.now, conclusion })
      this.recordedAt = this.time.now
      if (!this.#write({ kind: 'concluded', conclusion, mono: this.#mono() })) return
      this.give({ type: 'recorded' })
    }
    this.time.after(this.#setup.writeMs, this.#mine(recorded))
  }

  /** Returns false when the agent dies right after this write, so that nothing follows from it. */
  #write(entry: HistoryEntry): boolean {
    this.journal.push(entry)
    const due = this.#crashes.find(
      ({ when }) => 'writes' in when && when.writes === this.journal.length,
    )
    if (!due) return true
    this.#crash(due)
    if (due.left && entry.kind === 'intent') {
      this.watch.sending?.(entry.shot)
      this.room.send(entry.shot, () => undefined)
    }
    return false
  }

  #crash({ downMs, reboots }: Crash): void {
    this.#life += 1
    this.ladder = undefined
    this.#asked.clear()
    this.#wake = { at: undefined }
    if (reboots) this.#boots += 1
    this.time.after(
      downMs,
      this.#mine(() => {
        this.room.agentRestarted()
        const resumed = resume(this.journal, `boot-${this.#boots}`, this.#moment())
        if (resumed) this.#go(resumed)
        else this.endedAt = this.time.now
      }),
    )
  }

  #moment() {
    return { ms: this.time.now, wall: wallOf(this.time.now) }
  }

  #mono() {
    return { bootId: `boot-${this.#boots}`, ms: this.time.now }
  }
}

/** A later change of what `step` was given throws. */
function freezeDeep<T>(value: T): T {
  if (typeof value !== 'object' || value === null || Object.isFrozen(value)) return value
  Object.freeze(value)
  for (const each of Object.values(value)) freezeDeep(each)
  return value
}
