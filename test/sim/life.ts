// One life of an agent's process: the shipped agent with its ports. When the process dies, no port does anything
// any more; while it is paused, what comes to it waits.
import { Agent } from '../../agent/agent.ts'
import type { Controllers } from '../../agent/drivers/controllers.ts'
import { type Journal, openJournal } from '../../agent/journal/journal.ts'
import { HubLink } from '../../agent/link.ts'
import type { Cancel, Clock, Random } from '../../core/ports.ts'
import { Chance } from './chance.ts'
import type { DiskTurn } from './disk.ts'
import type { Planted } from './planted.ts'
import { KEPT_RECORDS, RESERVE_BYTES, SITE } from './settings.ts'
import type { Station } from './station.ts'
import type { World } from './world.ts'

export class Life implements DiskTurn {
  readonly world: World
  readonly station: Station
  readonly number: number
  readonly clock: Clock
  dead = false
  journal: Journal | undefined
  agent: Agent | undefined
  link: HubLink | undefined
  #paused = false
  #backlog: (() => void)[] = []
  /** The process stands still for so long at its next look at the clock. */
  stallMs = 0

  constructor(station: Station, number: number) {
    this.station = station
    this.world = station.world
    this.number = number
    this.clock = this.#makeClock()
  }

  get paused(): boolean {
    return this.#paused
  }

  /** As `agent/main.ts` starts an agent, without its command line and its enrolment. */
  async begin(planted: Planted): Promise<void> {
    const { world, station, clock } = this
    const { keys, seed } = world
    const random = randomOf(new Chance(seed, `life ${station.name} ${this.number}`))
    const opened = await openJournal({
      directory: station.directory,
      site: SITE,
      agent: station.name,
      clock,
      disk: planted.disk(station.disk.mount(this), this),
      reserveBytes: RESERVE_BYTES,
      segmentBytes: 100_000,
      keptRecords: KEPT_RECORDS,
      onFault: (detail) => world.note(() => `${station.name}: ${detail}`),
    })
    if (opened.epoch < 1) opened.enterEpoch(1)
    world.judge.opened(station, opened.durable.seq)
    const journal = planted.journal(opened, this)
    this.journal = journal
    const die = (error: unknown) => this.die(error)
    void opened.failed.then(die)
    const agent = new Agent({
      clock,
      random,
      bootId: station.bootId,
      site: SITE,
      name: station.name,
      journal,
      controlPlaneKeys: () => [keys.controlPlane.verifying],
      openingKey: keys.site.opening,
      files: station.files,
      controllers: this.#controllers(planted),
      journalled: (order) => this.link?.journalled(order),
      log: () => {},
      failed: die,
    })
    this.agent = agent
    this.link = new HubLink({
      url: 'http://hub.invalid',
      site: SITE,
      agent: station.name,
      version: 'simulated',
      key: keys.agent.signing,
      journal,
      clock,
      random,
      revision: () => agent.revision,
      onOrder: (token, hubNowMs) =>
        void agent.takeOrder(token, planted.hubNowMs(hubNowMs)).catch(die),
      onSite: (token) => void agent.takeSite(token),
      onRolledBack: die,
      dial: () => world.hub.dial(this),
    })
    await journal.append([{ kind: 'started', version: 'simulated', bootId: station.bootId }])
    await agent.start()
    if (!this.dead) this.link.start()
  }

  takeNotice(address: string): void {
    this.deliver(() => {
      const { agent, clock } = this
      agent?.takeNotice({ address, port: 40_000, at: clock.now(), wall: clock.wall() })
    })
  }

  /** The agent gave up, or its process was killed; what supervises it starts it anew. */
  die(error: unknown): void {
    if (this.dead) return
    this.world.note(() => `${this.station.name} gives up: ${said(error)}`)
    this.world.judge.gaveUp(this, said(error))
    this.station.crash({ power: false, reboots: false, downMs: 1500 })
  }

  end(): void {
    this.dead = true
    this.#backlog = []
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    // Each in a turn of its own, as the event loop would.
    for (const act of this.#backlog.splice(0)) this.world.time.after(0, act)
  }

  /** Runs in this process, now or when it goes on; never once it is dead. */
  deliver(act: () => void): void {
    if (this.dead) return
    if (this.#paused) {
      this.#backlog.push(() => this.deliver(act))
      return
    }
    this.world.touched = true
    act()
  }

  later<T>(delayMs: number, act: () => T): Promise<T> {
    return new Promise((resolve, reject) => {
      this.world.time.after(delayMs, () => {
        if (this.dead) return
        let done: () => void
        try {
          const result = act()
          done = () => resolve(result)
        } catch (error) {
          done = () => reject(error)
        }
        this.deliver(done)
      })
    })
  }

  #makeClock(): Clock {
    const { station, world } = this
    return {
      now: () => {
        this.#stall()
        return station.monotonic()
      },
      wall: () => station.wall(),
      wallMs: () => Math.floor(station.wallMs()),
      after: (delayMs, callback) => this.#after(Math.max(0, delayMs), callback, world),
    }
  }

  /** The world goes on while this process does not: right in the middle of what it does. */
  #stall(): void {
    if (this.stallMs === 0 || this.dead) return
    const { stallMs } = this
    this.stallMs = 0
    this.pause()
    this.world.goOnDuring(stallMs)
    this.resume()
  }

  #after(delayMs: number, callback: () => void, { time }: World): Cancel {
    const due = this.station.monotonic() + delayMs
    let cancelled = false
    const fire = () => {
      if (cancelled || this.dead) return
      const leftMs = due - this.station.monotonic()
      // A clock that stood still is behind.
      if (leftMs > 1e-6 && !this.#paused) {
        time.after(leftMs, fire)
        return
      }
      this.deliver(() => {
        if (cancelled) return
        const stillMs = due - this.station.monotonic()
        if (stillMs > 1e-6) time.after(stillMs, fire)
        else callback()
      })
    }
    time.after(delayMs, fire)
    return () => {
      cancelled = true
    }
  }

  #controllers(planted: Planted): Controllers {
    const { world } = this
    return planted.controllers(
      {
        power: (options) => world.room.power(this, options),
        outlets: (options) => world.room.outlets(this, options),
      },
      this,
    )
  }
}

function randomOf(chance: Chance): Random {
  return {
    bytes: (length) => Uint8Array.from({ length }, () => chance.between(0, 255)),
    fraction: () => chance.fraction(),
  }
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
