// One managed machine as it physically is: rails with capacitors, chassis, operating system with kdump, and the
// BMC that lives on the same rails. Every verdict of the simulation is made by this.
import type { PowerAction } from '../../agent/drivers/driver.ts'
import type { Effect } from './effects.ts'
import type { Timeline } from './timeline.ts'

export interface MachineTraits {
  name: string
  address: string
  feeds: { pdu: string; outlet: number }[]
  /** How long the rails hold after the last feed has gone. */
  capacitorMs: number
  bmcBootMs: number
  bmcLatencyMs: number
  offTakesMs: number
  /** What the chassis does when its rails come back. */
  restore: 'on' | 'off'
  /** From a panic to the first stop notice; undefined for a machine without kdump. */
  kdumpMs: number | undefined
  dumpMs: number
  noticeEveryMs: number
  /** From power or reset to a system that runs. */
  bootMs: number
}

/** What becomes of one command, once. `pretends`: accepted and not done. */
export type Fate = 'does' | 'refuses' | 'pretends' | 'reply-lost'
export type OsState = 'off' | 'booting' | 'running' | 'dumping' | 'dead'

export interface Asked {
  /** The BMC's life in which the session was opened. */
  life: number
  handle(): void
  drop(): void
}

export class Machine {
  readonly traits: MachineTraits
  chassisOn = true
  /** Counts boots; the one that ran at an acceptance is told from all others by it. */
  boot = 1
  railsUp = true
  /** A BMC's life ends with a restart or its rails, and with it sessions and all that it was told. */
  bmcLife = 1
  bmcUp = true
  saysOffUntil = Number.NEGATIVE_INFINITY
  readonly fates: { action: PowerAction; fate: Fate }[] = []
  /** A stop notice leaves. */
  notice: () => void = () => {}
  /** A boot has ended, by which effect, where one did it. */
  ended: (by: Effect | undefined) => void = () => {}
  running: () => void = () => {}
  /** Another boot runs, or none. */
  changed: () => void = () => {}
  #os: OsState = 'running'
  readonly #time: Timeline
  readonly #isFed: (feed: { pdu: string; outlet: number }) => boolean
  #dark = 0
  #cutBy: Effect | undefined
  #frozen: { until: number; keeps: boolean } | undefined
  #held: Asked[] = []
  #busyUntil = 0
  /** Kdump that fails: the kernel dies, or does not mind the interrupt at all. */
  kdumpFails: 'silent' | 'survives' | undefined

  constructor(
    traits: MachineTraits,
    time: Timeline,
    isFed: (feed: { pdu: string; outlet: number }) => boolean,
  ) {
    this.traits = traits
    this.#time = time
    this.#isFed = isFed
  }

  get os(): OsState {
    return this.#os
  }

  set os(state: OsState) {
    const was = this.runningBoot
    this.#os = state
    if (this.runningBoot !== was) this.changed()
  }

  /** No power on the rails of the board. */
  get off(): boolean {
    return !this.railsUp || !this.chassisOn
  }

  /** The boot that could still do harm. */
  get runningBoot(): number | undefined {
    return this.os === 'running' ? this.boot : undefined
  }

  /** A datagram reached the BMC. */
  reach(asked: Asked): void {
    const startAt = Math.max(this.#time.now, this.#busyUntil)
    this.#busyUntil = startAt + this.traits.bmcLatencyMs
    this.#time.at(this.#busyUntil, () => this.#come(asked))
  }

  #come(asked: Asked): void {
    if (!this.bmcUp || asked.life !== this.bmcLife) return asked.drop()
    if (!this.#frozen) return asked.handle()
    if (this.#frozen.keeps) this.#held.push(asked)
    else asked.drop()
  }

  freeze(forMs: number, keeps: boolean): void {
    const until = this.#time.now + forMs
    this.#frozen = { until, keeps }
    this.#time.at(until, () => {
      if (this.#frozen?.until !== until) return
      this.#frozen = undefined
      for (const asked of this.#held.splice(0)) this.#come(asked)
    })
  }

  restartBmc(bootMs: number, saysOffMs: number): void {
    if (!this.bmcUp) return
    this.#loseBmc()
    this.#bootBmc(bootMs, saysOffMs)
  }

  #bootBmc(bootMs: number, saysOffMs: number): void {
    const life = this.bmcLife
    this.#time.after(bootMs, () => {
      if (life !== this.bmcLife || !this.railsUp) return
      this.bmcUp = true
      this.saysOffUntil = this.#time.now + saysOffMs
    })
  }

  #loseBmc(): void {
    this.bmcLife += 1
    this.bmcUp = false
    this.#frozen = undefined
    for (const asked of this.#held.splice(0)) asked.drop()
  }

  saysPower(): 'on' | 'off' {
    return this.#time.now < this.saysOffUntil || !this.chassisOn ? 'off' : 'on'
  }

  takeFate(action: PowerAction): Fate {
    const index = this.fates.findIndex((each) => each.action === action)
    if (index < 0) return 'does'
    return this.fates.splice(index, 1)[0]?.fate ?? 'does'
  }

  act(action: PowerAction, by: Effect): void {
    if (!this.railsUp) return
    switch (action) {
      case 'nmi':
        return this.#interrupt(by)
      case 'reset':
        if (this.chassisOn) this.#bootAnew(by)
        return
      case 'off':
        this.#time.after(this.traits.offTakesMs, () => this.#powerOff(by))
        return
      case 'on':
        if (this.chassisOn) return
        this.chassisOn = true
        this.#bootAnew(undefined)
    }
  }

  /** The kernel panics by itself. */
  panic(): void {
    this.#interrupt(undefined)
  }

  /** Somebody presses the button. */
  pressOff(): void {
    if (this.railsUp) this.#powerOff(undefined)
  }

  pressOn(): void {
    if (!this.railsUp || this.chassisOn) return
    this.chassisOn = true
    this.#bootAnew(undefined)
  }

  /** A relay moved somewhere. */
  feedsChanged(by: Effect | undefined): void {
    const { feeds, capacitorMs } = this.traits
    const fed = feeds.length === 0 || feeds.some((feed) => this.#isFed(feed))
    this.#dark += 1
    if (fed && !this.railsUp) return this.#railsCame()
    if (fed || !this.railsUp) return
    this.#cutBy = by
    const dark = this.#dark
    this.#time.after(capacitorMs, () => {
      if (dark === this.#dark) this.#railsWent()
    })
  }

  #railsWent(): void {
    this.railsUp = false
    this.#loseBmc()
    this.#end(this.#cutBy)
    this.os = 'off'
  }

  #railsCame(): void {
    this.railsUp = true
    this.#bootBmc(this.traits.bmcBootMs, 0)
    this.chassisOn = this.traits.restore === 'on'
    if (this.chassisOn) this.#bootAnew(undefined)
  }

  #powerOff(by: Effect | undefined): void {
    if (!this.railsUp || !this.chassisOn) return
    this.chassisOn = false
    this.#end(by)
    this.os = 'off'
  }

  #end(by: Effect | undefined): void {
    if (this.os === 'running' || this.os === 'booting') this.ended(by)
  }

  #bootAnew(by: Effect | undefined): void {
    if (by) this.#end(by)
    this.boot += 1
    this.os = 'booting'
    const { boot } = this
    this.#time.after(this.traits.bootMs, () => {
      if (boot !== this.boot || this.os !== 'booting') return
      this.os = 'running'
      this.running()
    })
  }

  #interrupt(by: Effect | undefined): void {
    if (this.off || this.kdumpFails === 'survives') return
    if (this.os !== 'running') return
    this.#end(by)
    const { kdumpMs, dumpMs } = this.traits
    if (kdumpMs === undefined || this.kdumpFails === 'silent') {
      this.os = 'dead'
      return
    }
    this.os = 'dumping'
    const { boot } = this
    const dumps = () => boot === this.boot && this.os === 'dumping' && !this.off
    const tell = () => {
      if (!dumps()) return
      this.notice()
      this.#time.after(this.traits.noticeEveryMs, tell)
    }
    this.#time.after(kdumpMs, tell)
    this.#time.after(kdumpMs + dumpMs, () => {
      if (dumps()) this.#bootAnew(undefined)
    })
  }
}
