// A server, its BMC and its feeds as a small physical truth under a virtual clock. What the ladder may claim
// is judged by this truth, never by what a device answered.
import type { OutletLook, PowerLook } from '../../core/ladder/ladder.ts'
import type { Power } from '../../core/outcome.ts'
import type { Shot, ShotAnswer } from '../../core/shot.ts'

export class Timeline {
  now = 0
  readonly #queue: { at: number; run: () => void }[] = []

  after(delayMs: number, run: () => void): void {
    const at = this.now + delayMs
    let index = this.#queue.length
    while (index > 0 && (this.#queue[index - 1]?.at ?? 0) > at) index -= 1
    this.#queue.splice(index, 0, { at, run })
  }

  /** Runs what is due until `done`, or until virtual `limitMs`; false when the limit came first. */
  runUntil(limitMs: number, done: () => boolean): boolean {
    while (!done()) {
      const next = this.#queue.shift()
      if (next === undefined || next.at > limitMs) return false
      this.now = next.at
      next.run()
    }
    return true
  }
}

/** What becomes of one command: done, refused, accepted without effect, or a datagram lost on one way. */
export type Fate = 'does' | 'refuses' | 'pretends' | 'reply-lost' | 'request-lost'

export interface BmcSetup {
  /** No session and none to be had: commands are never sent. */
  unreachable: boolean
  latencyMs: number
  /** Fates of successive commands of one action; the last one stays. */
  fates: Partial<Record<Shot['action'], Fate[]>>
  /** Answers nothing for a while; what it was told meanwhile is kept for later, or dropped. */
  frozen: { from: number; until: number; keeps: boolean }[]
  /** Restarts; for a while afterwards it may say "off" of a running server. */
  restarts: { at: number; bootMs: number; saysOffMs: number }[]
  /** From accepting `off` to no power. */
  offTakesMs: number
  /** From power on its own rails to the first answer. */
  bootMs: number
  sessionOpenedAt: number
  /** The driver says `lost` this long after sending; undefined = never. */
  givesUpMs: number | undefined
  /** From losing its sessions to a warm new one, for an agent whose BMC lives. */
  opensInMs: number
  /** Every reply to a command comes a second time, this much later. */
  repeatsAfterMs: number | undefined
  identity: PowerLook['identity']
}

export interface OutletSetup {
  pdu: string
  outlet: number
  off: Fate[]
  on: Fate[]
  /** From accepting a command to the relay's move. */
  takesMs: number
  reads: 'truth' | 'silent' | 'unknown'
  /** From this time on its PDU answers no more reads. */
  silentFrom: number
}

export interface RoomSetup {
  bmc: BmcSetup
  outlets: OutletSetup[]
  /** Power that no known feed accounts for. */
  otherSupply: boolean
  capacitorMs: number
  /** From the NMI to the stop notice; undefined when the OS has no crash kernel and survives the NMI. */
  kdumpMs: number | undefined
  /** How long the crash kernel writes and repeats its notice before it boots the system again. */
  dumpMs: number
  chassis: 'on' | 'off'
  dumping: boolean
  /** An earlier effect, still queued somewhere, is handled at this time. */
  queued: { at: number; action: Shot['action'] }[]
}

export const NOTICE_EVERY_MS = 10_000
const LINK_DOWN_AFTER_MS = 3000

export class MachineRoom {
  chassis: 'on' | 'off'
  /** Counts what ran or lay on this machine; a new one for each boot. */
  boot = 0
  /** The boot that ran when the order was accepted has ended. */
  ended: boolean
  sent: { at: number; shot: Shot }[] = []
  heard: (address: string) => void = () => undefined
  readonly #setup: RoomSetup
  readonly #time: Timeline
  readonly #relays = new Map<string, boolean>()
  readonly #counts = new Map<string, number>()
  #dumping: boolean
  #down = false
  #dark = 0
  /** A BMC life ends with a restart or a loss of power, and with it all it was told. */
  #life = 0
  #bmcUpAt = 0
  #saysOffUntil = Number.NEGATIVE_INFINITY
  #session: { id: number; openedAt: number; life: number } | undefined
  #sessions = 1
  #frozen: { until: number; keeps: boolean } | undefined

  constructor(setup: RoomSetup, time: Timeline) {
    this.#setup = setup
    this.#time = time
    this.chassis = setup.chassis
    this.ended = setup.chassis === 'off' || setup.dumping
    this.#dumping = setup.dumping
    for (const { pdu, outlet } of setup.outlets) this.#relays.set(`${pdu}/${outlet}`, true)
    const { bmc } = setup
    if (!bmc.unreachable) this.#session = { id: 1, openedAt: bmc.sessionOpenedAt, life: 0 }
    for (const freeze of bmc.frozen) time.after(freeze.from, () => this.#freeze(freeze))
    for (const restart of bmc.restarts) time.after(restart.at, () => this.#restartBmc(restart))
    for (const { at, action } of setup.queued) time.after(at, () => this.#carryOut(action))
  }

  /** No power on the rails of the server. */
  get off(): boolean {
    return this.chassis === 'off' || this.#down
  }

  get session(): number {
    return this.#session?.id ?? 0
  }

  relay(pdu: string, outlet: number): boolean | undefined {
    return this.#relays.get(`${pdu}/${outlet}`)
  }

  /** Somebody else switches an outlet. */
  force(pdu: string, outlet: number, closed: boolean): void {
    this.#relays.set(`${pdu}/${outlet}`, closed)
    this.#feedsChanged()
  }

  /** The agent lost its sessions; it opens new ones. */
  agentRestarted(): void {
    if (!this.#session) return
    this.#session = undefined
    this.#openSession()
  }

  send(shot: Shot, answered: (answer: ShotAnswer, detail: string) => void): void {
    if (shot.device.kind === 'outlet') return this.#sendToOutlet(shot, answered)
    const session = this.#session
    if (!session) return answered('unreachable', 'no session')
    this.sent.push({ at: this.#time.now, shot })
    const { bmc } = this.#setup
    const fate = this.#fate(shot.action, bmc.fates[shot.action])
    if (bmc.givesUpMs !== undefined) {
      this.#time.after(bmc.givesUpMs, () => answered('lost', 'no answer'))
    }
    if (fate === 'request-lost') return
    this.#atBmc(session.life, () => {
      if (fate === 'does' || fate === 'reply-lost') this.#carryOut(shot.action)
      if (fate === 'reply-lost') return
      const answer = fate === 'refuses' ? 'refused' : 'accepted'
      this.#time.after(bmc.latencyMs, () => answered(answer, 'c0h'))
      if (bmc.repeatsAfterMs !== undefined) {
        this.#time.after(bmc.latencyMs + bmc.repeatsAfterMs, () => answered(answer, 'again'))
      }
    })
  }

  readPower(timeoutMs: number, looked: (look: PowerLook) => void): void {
    const session = this.#session
    const { now } = this.#time
    const base = {
      askedAt: now,
      readAt: wallOf(now),
      session: session?.id ?? 0,
      sessionOpenedAt: session?.openedAt ?? now,
      identity: this.#setup.bmc.identity,
      detail: '',
    }
    this.#ask(session?.life, timeoutMs, (value) => looked({ ...base, value: value ?? 'silent' }))
  }

  probe(timeoutMs: number, probed: (answered: boolean) => void): void {
    this.#ask(this.#life, timeoutMs, (value) => probed(value !== undefined))
  }

  readOutlets(
    pdu: string,
    outlets: number[],
    timeoutMs: number,
    looked: (look: OutletLook) => void,
  ): void {
    const askedAt = this.#time.now
    const setups = this.#setup.outlets.filter((each) => each.pdu === pdu)
    const look = { pdu, askedAt, readAt: wallOf(askedAt), detail: '' }
    if (setups.some(({ reads, silentFrom }) => reads === 'silent' || askedAt >= silentFrom)) {
      this.#time.after(timeoutMs, () => looked({ ...look, outlets: undefined, detail: 'silent' }))
      return
    }
    this.#time.after(20, () => {
      const read = outlets.map((outlet) => {
        const unknown = setups.some((each) => each.outlet === outlet && each.reads === 'unknown')
        const value: Power = unknown ? 'unknown' : this.relay(pdu, outlet) ? 'on' : 'off'
        return { outlet, value, raw: value }
      })
      this.#time.after(20, () => looked({ ...look, outlets: read }))
    })
  }

  #sendToOutlet(shot: Shot, answered: (answer: ShotAnswer, detail: string) => void): void {
    if (shot.device.kind !== 'outlet') return
    const { pdu, outlet } = shot.device
    const setup = this.#setup.outlets.find((each) => each.pdu === pdu && each.outlet === outlet)
    if (!setup) throw new Error(`an outlet of another server was touched: ${pdu}/${outlet}`)
    this.sent.push({ at: this.#time.now, shot })
    const to = shot.action === 'on'
    const fate = this.#fate(`${pdu}/${outlet} ${shot.action}`, to ? setup.on : setup.off)
    if (fate === 'request-lost') return
    this.#time.after(20, () => {
      if (fate === 'does' || fate === 'reply-lost') {
        this.#time.after(setup.takesMs, () => {
          this.#relays.set(`${pdu}/${outlet}`, to)
          this.#feedsChanged()
        })
      }
      if (fate === 'reply-lost') return
      const answer = fate === 'refuses' ? 'refused' : 'accepted'
      this.#time.after(20, () => answered(answer, 'snmp'))
    })
  }

  #fate(name: string, fates: Fate[] | undefined): Fate {
    const count = this.#counts.get(name) ?? 0
    this.#counts.set(name, count + 1)
    return fates?.[Math.min(count, fates.length - 1)] ?? 'does'
  }

  /** Runs what the BMC does with a message that reached it in one of its lives. */
  #atBmc(life: number | undefined, handle: () => void): void {
    this.#time.after(this.#setup.bmc.latencyMs, () => {
      const handleNow = () => {
        if (life === this.#life && this.#bmcUpAt <= this.#time.now) handle()
      }
      const frozen = this.#frozen
      if (!frozen) return handleNow()
      if (frozen.keeps) this.#time.after(frozen.until - this.#time.now, handleNow)
    })
  }

  #ask(life: number | undefined, timeoutMs: number, told: (value?: Power) => void): void {
    let open = true
    const tell = (value?: Power) => {
      if (open) told(value)
      open = false
    }
    this.#time.after(timeoutMs, () => tell())
    this.#atBmc(life, () => {
      const value = this.#time.now < this.#saysOffUntil ? 'off' : this.chassis
      this.#time.after(this.#setup.bmc.latencyMs, () => tell(value))
    })
  }

  #carryOut(action: Shot['action']): void {
    if (this.#down) return
    switch (action) {
      case 'nmi':
        return this.#interrupt()
      case 'reset':
        if (this.chassis === 'on') this.#bootAnew()
        return
      case 'off':
        this.#time.after(this.#setup.bmc.offTakesMs, () => {
          this.chassis = 'off'
          this.#stop()
        })
        return
      case 'on':
        if (this.chassis === 'off') this.#bootAnew()
        this.chassis = 'on'
    }
  }

  #interrupt(): void {
    if (this.chassis === 'off' || this.#setup.kdumpMs === undefined) return
    this.ended = true
    if (this.#dumping) return this.#stop()
    this.#dumping = true
    const { boot } = this
    const notice = () => {
      if (boot !== this.boot || this.off) return
      this.heard('192.168.0.101')
      this.#time.after(NOTICE_EVERY_MS, notice)
    }
    this.#time.after(this.#setup.kdumpMs, notice)
    this.#time.after(this.#setup.kdumpMs + this.#setup.dumpMs, () => {
      if (boot === this.boot && !this.off) this.#bootAnew()
    })
  }

  #stop(): void {
    this.boot += 1
    this.#dumping = false
    this.ended = true
  }

  #bootAnew(): void {
    this.#stop()
  }

  #feedsChanged(): void {
    const fed = this.#setup.otherSupply || [...this.#relays.values()].some((closed) => closed)
    this.#dark += 1
    if (fed && this.#down) {
      this.#down = false
      this.#bmcUpAt = this.#time.now + this.#setup.bmc.bootMs
      if (this.chassis === 'on') this.#bootAnew()
      this.#time.after(this.#setup.bmc.bootMs, () => this.#openSession())
    }
    if (fed || this.#down) return
    const dark = this.#dark
    this.#time.after(this.#setup.capacitorMs, () => {
      if (dark !== this.#dark) return
      this.#down = true
      this.#stop()
      this.#loseBmc(Number.POSITIVE_INFINITY)
    })
  }

  #freeze({ until, keeps }: { until: number; keeps: boolean }): void {
    this.#frozen = { until, keeps }
    this.#time.after(until - this.#time.now, () => {
      this.#frozen = undefined
    })
  }

  #restartBmc({ bootMs, saysOffMs }: BmcSetup['restarts'][number]): void {
    if (this.#down) return
    const upAt = this.#time.now + bootMs
    this.#loseBmc(upAt)
    this.#saysOffUntil = upAt + saysOffMs
    this.#time.after(bootMs, () => this.#openSession())
  }

  #loseBmc(upAt: number): void {
    this.#life += 1
    this.#bmcUpAt = upAt
    const lost = this.#session
    this.#time.after(LINK_DOWN_AFTER_MS, () => {
      if (this.#session === lost) this.#session = undefined
    })
  }

  #openSession(): void {
    if (this.#setup.bmc.unreachable) return
    const opened = () => {
      if (this.#bmcUpAt > this.#time.now || this.#session?.life === this.#life) return
      this.#sessions += 1
      this.#session = { id: this.#sessions, openedAt: this.#time.now, life: this.#life }
    }
    if (this.#setup.bmc.opensInMs === 0) opened()
    else this.#time.after(this.#setup.bmc.opensInMs, opened)
  }
}

let lastWall = { ms: Number.NaN, text: '' }

export function wallOf(ms: number): string {
  if (lastWall.ms !== ms) {
    const text = new Date(Date.UTC(2026, 0, 1) + ms).toISOString().replace('Z', '000Z')
    lastWall = { ms, text }
  }
  return lastWall.text
}
