// What must hold in every run, judged from outside: by what the agents did and were told, not by what they
// think of it.
import { mayAct } from '../../../core/votes/lease.ts'
import { covers } from '../../../core/votes/terms.ts'
import type { Machine } from './machine.ts'
import type { Schedule } from './schedule.ts'

export interface Violation {
  rule:
    | 'two active'
    | 'lower epoch than known'
    | 'acts without history'
    | 'both shot'
    | 'not exactly one active'
    | 'takeover too slow'
    | 'switch-over too slow'
    | 'healthy pair asks the control plane'
  atMs: number
  detail: string
}

/** An effect that leaves now. */
export interface Fired {
  machine: Machine
  epoch: number
  gap: boolean
  /** The machine stood still between the question for the acknowledgement, or the proof, and now. */
  pausedSince: boolean
}

export class Watch {
  violation: Violation | undefined
  fired = 0
  shots = 0
  acts = 0
  readonly #schedule: Schedule
  readonly #machines: readonly [Machine, Machine]
  readonly #log: (line: string) => void
  /** By place: the highest epoch in which an effect left, the newest record of one, and what it was told. */
  readonly #epochs = [0, 0]
  readonly #records = [0, 0]
  readonly #known = [0, 0]

  constructor(
    schedule: Schedule,
    machines: readonly [Machine, Machine],
    log: (line: string) => void,
  ) {
    this.#schedule = schedule
    this.#machines = machines
    this.#log = log
  }

  report(rule: Violation['rule'], detail: string): void {
    if (this.violation) return
    this.violation = { rule, atMs: this.#schedule.now, detail }
    this.#log(`!!! ${rule}: ${detail}`)
  }

  started({ place, disk }: Machine): void {
    this.#known[place] = disk.ballot.epoch
  }

  told({ place }: Machine, epoch: number): void {
    this.#known[place] = Math.max(this.#known[place] ?? 0, epoch)
  }

  /** Judges an effect at the instant at which it leaves. */
  sent({ machine, epoch, gap, pausedSince }: Fired, seq: number): void {
    this.fired += 1
    const { place } = machine
    const other = this.#machines[place === 0 ? 1 : 0]
    const otherEpoch = this.#epochs[other.place] ?? 0
    if (!pausedSince) {
      this.#judgeOther(machine, other, epoch)
      if (epoch < (this.#known[place] ?? 0)) {
        this.report('lower epoch than known', `${machine.name} in ${epoch}`)
      }
      if (!gap && !covers(machine.heads, { [other.name]: this.#records[other.place] ?? 0 })) {
        this.report(
          'acts without history',
          `${machine.name} in ${epoch}, ${other.name} acted in ${otherEpoch}`,
        )
      }
    }
    this.#epochs[place] = Math.max(this.#epochs[place] ?? 0, epoch)
    this.#records[place] = seq
  }

  /**
   * A disk came back from a backup. What the other agent has not is out of both agents' reach: the control
   * plane may have it, but a pair that agrees does not ask it.
   */
  restored({ name, place, other }: Machine): void {
    const left = other.disk.heads[name] ?? 0
    this.#records[place] = Math.min(this.#records[place] ?? 0, left)
  }

  #judgeOther(machine: Machine, other: Machine, epoch: number): void {
    if (!other.runs || other.state === undefined) return
    // A pause of its machine has drawn out its lease, and fools it: what counts is that no effect leaves.
    if (other.vmPauses > 0) return
    const otherEpoch = mayAct(other.state, other.clock.now())
    if (otherEpoch === undefined) return
    this.report('two active', `${machine.name} in ${epoch}, ${other.name} in ${otherEpoch}`)
  }

  /** A shot lands. */
  shot(by: Machine, at: Machine): void {
    this.shots += 1
    if (at.shotsUnderWay > 0 || by.shotDown) this.report('both shot', `${by.name} and ${at.name}`)
  }
}
