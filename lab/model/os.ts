// The operating system of a machine, as far as fencing cares: which boot runs, and what an NMI makes of it.
import type { Cancel, Clock, Random } from '../../core/ports.ts'
import { Change } from './change.ts'

export type OsState = 'off' | 'booting' | 'running' | 'panicked' | 'halted'

export interface KdumpSettings {
  /** Whether a crash kernel is loaded. Without it a panic just halts the machine. */
  enabled: boolean
  /** From the panic to the first stop notice. */
  delayMs: number
  /** Between stop notices. */
  intervalMs: number
  /** From the panic until the dump is written. */
  dumpMs: number
  /** What the machine does when the dump is written. */
  afterwards: 'reboot' | 'halt'
}

export interface OsSettings {
  bootMs: number
  shutdownMs: number
  kdump: KdumpSettings
}

export interface OsSurroundings {
  clock: Clock
  random: Random
  /** Sends one stop notice from the machine's own address. */
  sendStopNotice(): void
  /** The machine switches itself off at the end of an orderly shutdown. */
  powerDown(): void
  /** Faults of the moment. */
  faults(): { noKdump: boolean; slowKdumpMs: number }
}

export class OperatingSystem {
  readonly changed = new Change()
  readonly #settings: OsSettings
  readonly #around: OsSurroundings
  #state: OsState = 'off'
  #bootId: string | undefined
  #boots = 0
  #notices = 0
  #timers = new Set<Cancel>()

  constructor(settings: OsSettings, around: OsSurroundings) {
    this.#settings = settings
    this.#around = around
  }

  get state(): OsState {
    return this.#state
  }

  /** Id of the newest boot, also after it has ended; undefined before the first. */
  get bootId(): string | undefined {
    return this.#bootId
  }

  get boots(): number {
    return this.#boots
  }

  /** Stop notices sent since the machine was built. */
  get stopNotices(): number {
    return this.#notices
  }

  /** Starts a new boot, ending whatever ran. */
  boot(): void {
    this.#stopTimers()
    this.#bootId = uuid(this.#around.random)
    this.#boots++
    this.#enter('booting')
    this.#after(this.#settings.bootMs, () => this.#enter('running'))
  }

  /** The rails have gone. */
  losePower(): void {
    this.#stopTimers()
    if (this.#state !== 'off') this.#enter('off')
  }

  /** An NMI, or a panic for any other reason. The crash kernel exists only once the OS runs. */
  panic(): void {
    if (this.#state !== 'running' && this.#state !== 'booting') return
    const { kdump } = this.#settings
    const { noKdump, slowKdumpMs } = this.#around.faults()
    const dumps = this.#state === 'running' && kdump.enabled && !noKdump
    this.#stopTimers()
    if (!dumps) {
      this.#enter('halted')
      return
    }
    this.#enter('panicked')
    this.#after(kdump.delayMs + slowKdumpMs, () => this.#notify())
    this.#after(kdump.dumpMs + slowKdumpMs, () => {
      if (kdump.afterwards === 'reboot') this.boot()
      else this.halt()
    })
  }

  /** Stops dead without a word, power on: what a hung machine looks like from outside. */
  halt(): void {
    if (this.#state === 'off') return
    this.#stopTimers()
    this.#enter('halted')
  }

  /** An orderly shutdown that ends with the power off. Only a running OS hears it. */
  shutDown(): void {
    if (this.#state !== 'running') return
    this.#stopTimers()
    this.#after(this.#settings.shutdownMs, () => this.#around.powerDown())
  }

  close(): void {
    this.#stopTimers()
  }

  #notify(): void {
    this.#notices++
    this.#around.sendStopNotice()
    this.#after(this.#settings.kdump.intervalMs, () => this.#notify())
  }

  #enter(state: OsState): void {
    this.#state = state
    this.changed.tell()
  }

  #after(delayMs: number, then: () => void): void {
    const cancel = this.#around.clock.after(delayMs, () => {
      this.#timers.delete(cancel)
      then()
    })
    this.#timers.add(cancel)
  }

  #stopTimers(): void {
    for (const cancel of this.#timers) cancel()
    this.#timers.clear()
  }
}

/** A version 4 UUID, as Linux makes its boot id. */
function uuid(random: Random): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes.writeUInt8((bytes.readUInt8(6) & 0x0f) | 0x40, 6)
  bytes.writeUInt8((bytes.readUInt8(8) & 0x3f) | 0x80, 8)
  const hex = bytes.toString('hex')
  return [0, 8, 12, 16, 20].map((from, i) => hex.slice(from, [8, 12, 16, 20, 32][i])).join('-')
}
