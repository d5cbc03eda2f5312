// A management server with its agent: clock, disk, power and process. Every decision is core/votes; here is what
// carries it out, and what goes wrong with that.
import {
  type Ballot,
  blankBallot,
  type Effect,
  type Input,
  type PeerPower,
  type VoteState,
  wakeAt,
} from '../../../core/votes/state.ts'
import { type ByAgent, merged, type Voter } from '../../../core/votes/terms.ts'
import type { Voters } from '../../../core/votes/voters.ts'
import { Clock } from './clock.ts'
import { Executor } from './executor.ts'
import type { Site } from './site.ts'

export interface Disk {
  starts: number
  ballot: Ballot
  heads: ByAgent
}

const SHOT_LANDS_MS = [50, 1500] as const
const READ_MS = [50, 800] as const
const FETCH_AGAIN_MS = 300
const RATES = [0.9, 1.1] as const

export class Machine {
  readonly name: string
  readonly place: 0 | 1
  readonly site: Site
  disk: Disk
  backup: Disk | undefined
  clock: Clock
  state: VoteState | undefined
  powered = true
  /** Shot by the other, and not powered on since. */
  shotDown = false
  up = false
  stopped = false
  vmPaused = false
  /** Pauses of the virtual machine in this start. */
  vmPauses = 0
  slowDisk = false
  /** It reaches the other's BMC. */
  management = true
  hub: 0 | 1 = 0
  /** What its last `act` said of the history. */
  gap = false
  shotsUnderWay = 0
  askedControlPlane = 0
  /** Its journal in this start; the disk may be behind by a write. */
  heads: ByAgent = {}
  committed: ByAgent = {}
  #inbox: (() => void)[] = []
  #tickAt = Number.POSITIVE_INFINITY
  #diskFreeAt = 0
  #reading = false
  #fetchedAt = Number.NEGATIVE_INFINITY
  readonly executor: Executor

  constructor(site: Site, place: 0 | 1, voters: Voters) {
    this.site = site
    this.place = place
    this.name = place === 0 ? 'a' : 'b'
    this.disk = { starts: 0, ballot: blankBallot(voters, true), heads: {} }
    this.clock = this.#freshClock()
    this.executor = new Executor(this)
  }

  get other(): Machine {
    return this.site.machines[this.place === 0 ? 1 : 0]
  }

  /** Its process can do something now. */
  get runs(): boolean {
    return this.up && !this.stopped && !this.vmPaused
  }

  slew(): void {
    this.clock.slew(this.#rate())
    this.#plan()
  }

  start(above = 0): void {
    if (!this.powered || this.up) return
    this.up = true
    this.vmPauses = 0
    this.disk = { ...this.disk, starts: Math.max(this.disk.starts, above) + 1 }
    const { starts, ballot, heads } = this.disk
    this.heads = heads
    this.committed = {}
    this.site.log(`${this.name} starts, ${starts}`)
    this.site.watch.started(this)
    const opening = { me: this.name, start: starts, ballot, heads, committed: {} }
    const [state, effects] = this.site.rules.open(opening, this.clock.now())
    this.#moved(state, effects)
  }

  kill(): void {
    if (!this.up) return
    this.site.log(`${this.name} is killed`)
    this.up = false
    this.stopped = false
    this.state = undefined
    this.#inbox = []
    this.#reading = false
    this.#fetchedAt = Number.NEGATIVE_INFINITY
    this.#tickAt = Number.POSITIVE_INFINITY
    this.#diskFreeAt = 0
  }

  cutPower(): void {
    if (!this.powered) return
    this.site.log(`${this.name} loses power`)
    this.resume()
    this.kill()
    this.powered = false
  }

  /** Somebody powers it on; its agent starts when it has booted. */
  powerOn(): void {
    if (this.powered) return
    this.site.log(`${this.name} is powered on`)
    this.powered = true
    this.shotDown = false
    this.clock = this.#freshClock()
    this.site.schedule.after(this.site.chance.between(...this.site.bootMs), () => this.start())
  }

  stop(): void {
    this.site.log(`${this.name} is stopped`)
    this.stopped = true
  }

  pauseVm(): void {
    this.site.log(`${this.name}'s machine is paused`)
    this.vmPaused = true
    this.vmPauses += 1
    this.clock.standStill(true)
  }

  /** Runs on after a stop or pause: what is first, timers or messages, is chance. */
  resume(): void {
    if (this.vmPaused) this.clock.standStill(false)
    this.vmPaused = false
    this.stopped = false
    if (!this.up) return
    this.site.log(`${this.name} runs on`)
    if (this.site.chance.happens(0.5)) this.executor.attempt()
    const waiting = this.#inbox
    this.#inbox = []
    for (const run of waiting) this.run(run)
    this.executor.attempt()
    this.#tickAt = Number.POSITIVE_INFINITY
    this.#plan()
  }

  /** Runs in the process, once it runs. */
  run(turn: () => void): void {
    if (!this.up) return
    if (this.runs) turn()
    else this.#inbox.push(turn)
  }

  take(input: Input): void {
    if (this.state === undefined) return
    if (input.type === 'message') this.site.watch.told(this, input.message.known)
    const [state, effects] = this.site.rules.step(this.state, input, this.clock.now())
    this.#moved(state, effects)
  }

  /** Runs in this very start after the disk has written, or never. */
  write(put: (disk: Disk) => Disk, done: () => void): void {
    const { chance, schedule, rules } = this.site
    const { starts } = this.disk
    const ms = this.slowDisk ? chance.between(20, 1500) : chance.between(0.3, 6)
    const at = Math.max(schedule.now + ms, this.#diskFreeAt)
    this.#diskFreeAt = at
    if (!rules.synced) schedule.after(0.1, () => this.#inStart(starts, done))
    schedule.after(at - schedule.now, () => {
      // A process that died meanwhile leaves the write or not; one that started again has its own.
      if (this.disk.starts !== starts || (!this.up && chance.happens(0.5))) return
      if (!this.powered) return
      this.disk = put(this.disk)
      if (rules.synced) this.#inStart(starts, done)
    })
  }

  append(agent: string, seq: number, done: () => void): void {
    this.heads = merged(this.heads, { [agent]: seq })
    this.write((disk) => ({ ...disk, heads: merged(disk.heads, { [agent]: seq }) }), done)
  }

  shoot(): void {
    const { chance, schedule, watch, log } = this.site
    const { other } = this
    const starts = this.disk.starts
    this.take({ type: 'shot', underWay: true })
    log(`${this.name} shoots ${other.name}`)
    this.shotsUnderWay += 1
    const arrives = this.management && chance.happens(0.9)
    schedule.after(chance.between(...SHOT_LANDS_MS), () => {
      if (arrives && other.powered) {
        watch.shot(this, other)
        other.cutPower()
        other.shotDown = true
        schedule.after(chance.between(5000, 25_000), () => other.powerOn())
      }
    })
    schedule.after(SHOT_LANDS_MS[1] + 100, () => {
      this.shotsUnderWay -= 1
      this.#inStart(starts, () => {
        this.take({ type: 'shot', underWay: false })
        this.#look()
      })
    })
  }

  #moved(state: VoteState, effects: readonly Effect[]): void {
    this.state = state
    for (const effect of effects) this.#perform(effect)
    this.#plan()
  }

  #perform(effect: Effect): void {
    const { site } = this
    switch (effect.type) {
      case 'send':
        return this.#send(effect)
      case 'store': {
        const { ballot, id } = effect
        return this.write(
          (disk) => ({ ...disk, ballot }),
          () => this.take({ type: 'stored', id }),
        )
      }
      case 'act':
        this.gap = effect.gap
        // Who takes over has something to do.
        site.schedule.after(0, () => this.run(() => this.executor.attempt()))
        site.watch.acts += 1
        return site.log(
          `${this.name} ACTS in ${effect.epoch} by ${effect.basis}${effect.gap ? ', gap' : ''}`,
        )
      case 'step-down':
        return site.log(`${this.name} steps down from ${effect.epoch}: ${effect.reason}`)
      case 'fetch':
        return this.#fetch(effect.from)
      case 'look-at-peer':
        return this.#look()
      case 'restart':
        this.kill()
        return site.schedule.after(site.chance.between(50, 300), () =>
          this.start(effect.startAbove),
        )
    }
  }

  #send(effect: Extract<Effect, { type: 'send' }>): void {
    const { site, place, other } = this
    if (effect.to === 'peer') {
      const { message } = effect
      return site.network.send(place, other.place, () =>
        other.run(() => other.take({ type: 'message', from: 'peer', message })),
      )
    }
    const { message } = effect
    const { hub } = this
    this.askedControlPlane += 1
    site.network.send(place, 2, () =>
      site.controlPlane.hear(hub, message, (answer) =>
        site.network.send(2, place, () =>
          this.run(() => this.take({ type: 'message', from: 'control-plane', message: answer })),
        ),
      ),
    )
  }

  #fetch(from: Voter): void {
    const { site, place, other } = this
    const { schedule, network } = site
    if (schedule.now - this.#fetchedAt < FETCH_AGAIN_MS) return
    this.#fetchedAt = schedule.now
    const copied = (heads: ByAgent) => this.run(() => this.copy(heads))
    if (from === 'control-plane') {
      return network.send(place, 2, () => {
        const { stored } = site.controlPlane
        network.send(2, place, () => copied(stored))
      })
    }
    network.send(place, other.place, () =>
      other.run(() => {
        const { heads } = other.disk
        network.send(other.place, place, () => copied(heads))
      }),
    )
  }

  /** Journal records of others come in. What was copied is in a second place. */
  copy(heads: ByAgent): void {
    this.heads = merged(this.heads, heads)
    this.write(
      (disk) => ({ ...disk, heads: merged(disk.heads, heads) }),
      () => {
        this.committed = merged(this.committed, heads)
        this.take({ type: 'journal', heads, committed: heads })
      },
    )
  }

  #look(): void {
    if (this.#reading) return
    this.#reading = true
    const { chance, schedule } = this.site
    const askedAt = this.clock.now()
    const { starts } = this.disk
    const ms = chance.between(...READ_MS)
    let seen: PeerPower['value'] = 'unknown'
    schedule.after(chance.between(0, ms), () => {
      seen = this.other.powered ? 'on' : 'off'
    })
    schedule.after(ms, () => {
      const value = this.management && chance.happens(0.97) ? seen : ('unknown' as const)
      this.#inStart(starts, () => {
        this.#reading = false
        const read = { value, askedAt, held: chance.happens(0.95), identity: 'proven' as const }
        this.take({ type: 'peer-power', read })
      })
    })
  }

  #inStart(starts: number, turn: () => void): void {
    if (this.disk.starts === starts) this.run(turn)
  }

  #plan(): void {
    if (this.state === undefined || this.vmPaused) return
    const { schedule } = this.site
    const at = schedule.now + Math.max(0, this.clock.realMsUntil(wakeAt(this.state)))
    if (at >= this.#tickAt || at === Number.POSITIVE_INFINITY) return
    this.#tickAt = at
    // Timers are late, never early.
    schedule.after(at - schedule.now + this.site.chance.between(0.05, 2), () => {
      if (this.#tickAt !== at) return
      this.#tickAt = Number.POSITIVE_INFINITY
      if (this.runs) this.take({ type: 'tick' })
    })
  }

  /** The ends of the range more often than the middle. */
  #rate(): number {
    const { chance } = this.site
    return chance.happens(0.5) ? chance.pick(RATES) : chance.between(...RATES)
  }

  #freshClock(): Clock {
    const { schedule, chance } = this.site
    return new Clock(schedule, chance.between(0, 100_000), this.#rate())
  }
}
