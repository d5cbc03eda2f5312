// A management server: its disk and clocks outlive the agent's process, and its agent is started again whenever
// it has died.

import type { SimDisk } from './disk.ts'
import { Life } from './life.ts'
import { EPOCH_MS } from './settings.ts'
import type { World } from './world.ts'

export interface Crash {
  /** With everything in memory, or the process alone. */
  power: boolean
  reboots: boolean
  downMs: number
}

/** Where a crash that is armed strikes. */
export type CrashPoint = 'write' | 'durable' | 'sent'

export class Station {
  readonly world: World
  readonly name: string
  readonly disk: SimDisk
  readonly directory = '/journal'
  readonly files: { site: string; bindings: string; proofs: string }
  wallAheadMs = 0
  life: Life | undefined
  /** World time of times in which the agent could not do as it should, for what is judged by time. */
  readonly disturbed: { from: number; until: number }[] = []
  #boots = 1
  #bootedAt = -3_600_000
  #stoodStillMs = 0
  #standsSince: number | undefined
  #lives = 0
  #armed: { point: CrashPoint; nth: number; crash: Crash } | undefined

  constructor(world: World, name: string, disk: SimDisk, directory: string) {
    this.world = world
    this.name = name
    this.disk = disk
    this.files = {
      site: `${directory}/site.jws`,
      bindings: `${directory}/bindings.json`,
      proofs: `${directory}/proofs.json`,
    }
    disk.tears = () => this.#strikes('write')
    disk.durable = (path, bytes) => {
      if (!path.includes('records-')) return
      world.judge.durable(this, bytes)
      this.#strikes('durable')
    }
  }

  get bootId(): string {
    return `boot-${this.#boots}`
  }

  monotonic(): number {
    const { now } = this.world.time
    const standing = this.#standsSince === undefined ? 0 : now - this.#standsSince
    return now - this.#bootedAt - this.#stoodStillMs - standing
  }

  wallMs(): number {
    return EPOCH_MS + this.world.time.now + this.wallAheadMs
  }

  /** RFC 3339 with microseconds. */
  wall(): string {
    const us = Math.floor(this.wallMs() * 1000)
    const iso = new Date(Math.floor(us / 1000)).toISOString()
    return `${iso.slice(0, -1)}${String(us % 1000).padStart(3, '0')}Z`
  }

  /** World time of an instant of this boot. */
  worldTime(monotonicMs: number): number {
    return this.world.time.now - (this.monotonic() - monotonicMs)
  }

  start(): void {
    if (this.life) return
    this.#lives += 1
    const life = new Life(this, this.#lives)
    this.life = life
    this.world.touched = true
    this.world.note(() => `${this.name} starts, life ${life.number}`)
    this.disturb(2000)
    const { planted } = this.world
    life.begin(planted).catch((error) => life.die(error))
  }

  crash({ power, reboots, downMs }: Crash): void {
    const { life, world, disk } = this
    if (!life) return
    const what = power ? 'loses power' : reboots ? 'is killed and boots' : 'is killed'
    world.note(() => `${this.name} ${what}, back in ${downMs} ms`)
    life.end()
    this.life = undefined
    world.hub.lost(life)
    if (power || reboots) {
      if (power) disk.powerLost()
      else disk.processDied()
      this.#boots += 1
      this.#bootedAt = world.time.now + downMs - 8000
      this.#stoodStillMs = 0
      this.#standsSince = undefined
    } else disk.processDied()
    this.disturb(downMs + 2000)
    world.time.after(downMs, () => this.start())
  }

  /** Crashes at the nth event of a kind from now on. */
  arm(point: CrashPoint, nth: number, crash: Crash): void {
    this.#armed = { point, nth, crash }
  }

  /** An effect has left. */
  sent(): void {
    this.#strikes('sent')
  }

  /** True when the armed crash strikes here. */
  #strikes(point: CrashPoint): boolean {
    const armed = this.#armed
    if (armed?.point !== point || !this.life) return false
    armed.nth -= 1
    if (armed.nth > 0) return false
    this.#armed = undefined
    const { life } = this
    // What is written in this turn is written before the process is gone.
    if (point === 'write')
      this.world.time.after(0, () => this.life === life && this.crash(armed.crash))
    else this.crash(armed.crash)
    return true
  }

  pause(forMs: number, clockStands: boolean): void {
    const { life, world } = this
    if (!life || life.paused) return
    world.note(
      () => `${this.name} is paused for ${forMs} ms${clockStands ? ', its clock too' : ''}`,
    )
    life.pause()
    if (clockStands) this.#standsSince ??= world.time.now
    this.disturb(forMs + 500)
    world.time.after(forMs, () => {
      if (this.#standsSince !== undefined) {
        this.#stoodStillMs += world.time.now - this.#standsSince
        this.#standsSince = undefined
      }
      life.resume()
    })
  }

  disturb(forMs: number): void {
    const { now } = this.world.time
    this.disturbed.push({ from: now, until: now + forMs })
  }

  /** How much of this span the agent was disturbed, at most. */
  disturbedMs(from: number, until: number): number {
    let sum = 0
    for (const span of this.disturbed) {
      sum += Math.max(0, Math.min(until, span.until) - Math.max(from, span.from))
    }
    return sum
  }
}
