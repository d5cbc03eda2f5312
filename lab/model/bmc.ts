// The management controller of a machine: lives on the standby power of any live feed, dies with the last
// one, takes its time to start, and executes chassis controls as its faults allow. No network here.
import type { Cancel, Clock } from '../../core/ports.ts'
import { Change } from './change.ts'
import type { ChassisAction, ChassisRecord, RestartCause, RestorePolicy } from './chassis.ts'
import { EventLog } from './event-log.ts'
import type { ServerFaults } from './faults.ts'
import { Records } from './record.ts'

export type BmcState = 'unpowered' | 'starting' | 'up'

/** The board as the BMC sees it. */
export interface Board {
  readonly chassisOn: boolean
  readonly lastCause: RestartCause
  restorePolicy: RestorePolicy
  /** For each supply, whether it has a live input and works. */
  suppliesGood(): boolean[]
  act(action: ChassisAction): void
  /** The BMC is up after standby power came back: time for the restore policy. */
  standbyReady(): void
}

export interface ControlAnswer {
  completionCode: number
  /** Undefined: no answer is ever sent. */
  answerAfterMs: number | undefined
}

const NOT_IN_THIS_STATE = 0xd5

export class Bmc {
  readonly changed = new Change()
  readonly log = new EventLog()
  readonly controls: Records<ChassisRecord>
  /** How often each action touched the machine. */
  readonly executed: Record<ChassisAction, number> = {
    off: 0,
    on: 0,
    cycle: 0,
    reset: 0,
    nmi: 0,
    soft: 0,
  }
  readonly #board: Board
  readonly #clock: Clock
  readonly #bootMs: number
  readonly #faults: () => ServerFaults
  readonly #consumeReply: () => boolean
  #state: BmcState = 'unpowered'
  #startedAt = Number.NEGATIVE_INFINITY
  #starts = 0
  #knownGood: boolean[]
  #starting: Cancel | undefined
  #late = new Set<Cancel>()
  #coldStandby = true

  /** `consumeReply` takes one of the replies that are to be lost, and says whether there was one. */
  constructor(
    board: Board,
    settings: { bootMs: number; faults: () => ServerFaults; consumeReply: () => boolean },
    clock: Clock,
  ) {
    this.#board = board
    this.#clock = clock
    this.#bootMs = settings.bootMs
    this.#faults = settings.faults
    this.#consumeReply = settings.consumeReply
    this.controls = new Records(clock)
    this.#knownGood = board.suppliesGood()
  }

  get state(): BmcState {
    return this.#state
  }

  /** Counts its own starts: sessions of an earlier one are gone. */
  get starts(): number {
    return this.#starts
  }

  /** Seconds since 1970 by its own clock. */
  get timeS(): number {
    return Math.floor(this.#clock.wallMs() / 1000) + this.#faults().clockAheadS
  }

  standbyCame(): void {
    this.#coldStandby = true
    this.#start()
  }

  standbyWent(): void {
    this.#stop()
    this.#state = 'unpowered'
    this.changed.tell()
  }

  /** Restarts itself; the machine runs on. */
  restart(): void {
    if (this.#state === 'unpowered') return
    this.#stop()
    this.#start()
  }

  /** Already up when the room opens: nobody wants to wait for the first start. */
  startAtOnce(): void {
    this.#up()
    this.#startedAt = Number.NEGATIVE_INFINITY
  }

  /** Notes lost and returned inputs, if it is alive to see them. */
  lookAtSupplies(): void {
    if (this.#state !== 'up') return
    const good = this.#board.suppliesGood()
    good.forEach((isGood, index) => {
      if (isGood === this.#knownGood[index]) return
      this.log.add({ atS: this.timeS, supply: index + 1, lost: !isGood })
    })
    this.#knownGood = good
  }

  /** What Get Chassis Status says about power. */
  saysPowerOn(): boolean {
    const { saysPower, saysOffAfterRestartMs } = this.#faults()
    if (this.#clock.now() - this.#startedAt < saysOffAfterRestartMs) return false
    return saysPower === 'real' ? this.#board.chassisOn : saysPower === 'on'
  }

  get restorePolicy(): RestorePolicy {
    return this.#board.restorePolicy
  }

  set restorePolicy(policy: RestorePolicy) {
    this.#board.restorePolicy = policy
  }

  get lastCause(): RestartCause {
    return this.#board.lastCause
  }

  /** True when an input has been lost: the "AC failed" bit of the chassis status. */
  get inputLost(): boolean {
    return this.#knownGood.includes(false)
  }

  /** Takes one chassis control, exactly as it came off the wire: every call is one execution. */
  control(action: ChassisAction): ControlAnswer {
    const faults = this.#faults()
    const completionCode = this.#refusal(action, faults)
    const accepted = completionCode === 0
    const effect = accepted && !faults.acceptsAndDoesNothing.includes(action)
    this.controls.add({ action, completionCode, effect })
    if (effect) {
      this.executed[action]++
      if (faults.actsLateMs > 0) this.#after(faults.actsLateMs, () => this.#board.act(action))
      else this.#board.act(action)
    }
    if (accepted && faults.resetsItselfMidOperation) {
      this.restart()
      return { completionCode, answerAfterMs: undefined }
    }
    const lost = this.#consumeReply()
    return { completionCode, answerAfterMs: lost ? undefined : faults.slowControlMs }
  }

  close(): void {
    this.#stop()
  }

  #refusal(action: ChassisAction, faults: ServerFaults): number {
    const asked = {
      nmi: faults.refusesNmi,
      reset: faults.refusesReset,
      off: faults.refusesOff,
      on: faults.refusesOn,
      cycle: 0,
      soft: 0,
    }[action]
    if (asked !== 0) return asked
    const needsPower = action !== 'off' && action !== 'on'
    return needsPower && !this.#board.chassisOn ? NOT_IN_THIS_STATE : 0
  }

  #start(): void {
    this.#state = 'starting'
    this.changed.tell()
    this.#starting = this.#clock.after(this.#bootMs, () => this.#up())
  }

  #up(): void {
    this.#starting = undefined
    this.#state = 'up'
    this.#starts++
    this.#startedAt = this.#clock.now()
    this.lookAtSupplies()
    this.changed.tell()
    if (!this.#coldStandby) return
    this.#coldStandby = false
    this.#board.standbyReady()
  }

  #stop(): void {
    this.#starting?.()
    this.#starting = undefined
    for (const cancel of this.#late) cancel()
    this.#late.clear()
  }

  #after(delayMs: number, then: () => void): void {
    const cancel = this.#clock.after(delayMs, () => {
      this.#late.delete(cancel)
      then()
    })
    this.#late.add(cancel)
  }
}
