// One machine: supplies with capacitors, rails, a board, a BMC and an operating system. Its rail voltage,
// OS state and boot id are the oracle of every fencing test (spec rules.md §4).
import type { Cancel, Clock, Random } from '../../core/ports.ts'
import { Bmc, type Board } from './bmc.ts'
import { Change } from './change.ts'
import {
  type ChassisAction,
  RESTART_CAUSE,
  type RestartCause,
  type RestorePolicy,
} from './chassis.ts'
import { noServerFaults, type ServerFaults } from './faults.ts'
import { OperatingSystem, type OsSettings } from './os.ts'

export interface ServerSettings {
  name: string
  /** How many supplies it has. */
  supplies: number
  /** How long the capacitors carry the machine when the last input is lost. */
  holdUpMs: number
  /** From standby power to a BMC that answers. */
  bmcBootMs: number
  /** How long a power cycle stays off; at least a second on real machines. */
  cycleOffMs: number
  restorePolicy: RestorePolicy
  os: OsSettings
}

export interface ServerSurroundings {
  clock: Clock
  random: Random
  sendStopNotice(): void
}

export class ServerModel {
  readonly name: string
  readonly os: OperatingSystem
  readonly bmc: Bmc
  /** Told whenever anything of the machine changes, BMC and OS included. */
  readonly changed = new Change()
  readonly #settings: ServerSettings
  readonly #clock: Clock
  readonly #inputs: boolean[]
  #faults: ServerFaults = noServerFaults()
  #standby = true
  #chassisOn = true
  #wasOn = true
  #restorePolicy: RestorePolicy
  #lastCause: RestartCause = RESTART_CAUSE.unknown
  #holdUp: Cancel | undefined
  #cycling: Cancel | undefined

  constructor(settings: ServerSettings, around: ServerSurroundings) {
    this.name = settings.name
    this.#settings = settings
    this.#clock = around.clock
    this.#inputs = Array.from({ length: settings.supplies }, () => true)
    this.#restorePolicy = settings.restorePolicy
    this.os = new OperatingSystem(settings.os, {
      ...around,
      powerDown: () => this.#powerOff(),
      faults: () => this.#faults,
    })
    this.bmc = new Bmc(
      this.#board(),
      {
        bootMs: settings.bmcBootMs,
        faults: () => this.#faults,
        consumeReply: () => this.#loseOneReply(),
      },
      around.clock,
    )
    this.os.changed.subscribe(() => this.changed.tell())
    this.bmc.changed.subscribe(() => this.changed.tell())
    this.bmc.startAtOnce()
    this.os.boot()
  }

  /** 12 while the machine runs, 0 when it cannot: the truth about power. */
  get railVolts(): 0 | 12 {
    return this.#standby && this.#chassisOn ? 12 : 0
  }

  /** Whether any supply gives standby power, its capacitors included. */
  get standby(): boolean {
    return this.#standby
  }

  get supplies(): { live: boolean; healthy: boolean }[] {
    return this.#inputs.map((live, index) => ({ live, healthy: this.#healthy(index) }))
  }

  get restorePolicy(): RestorePolicy {
    return this.#restorePolicy
  }

  get faults(): Readonly<ServerFaults> {
    return this.#faults
  }

  setFaults(faults: Partial<ServerFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
    this.#feedsChanged()
    this.changed.tell()
  }

  /** Voltage at the inlet of one supply, counted from 0. */
  setInput(index: number, live: boolean): void {
    if (index < 0 || index >= this.#inputs.length) {
      throw new RangeError(`${this.name} has ${this.#inputs.length} supplies, not ${index + 1}`)
    }
    if (this.#inputs[index] === live) return
    this.#inputs[index] = live
    this.#feedsChanged()
    this.changed.tell()
  }

  /** Presses the power button for a person. */
  powerOn(): void {
    if (!this.#standby || this.#chassisOn) return
    this.#powerUp(RESTART_CAUSE.chassisControl)
  }

  close(): void {
    this.#holdUp?.()
    this.#cycling?.()
    this.os.close()
    this.bmc.close()
  }

  #board(): Board {
    const server = this
    return {
      get chassisOn() {
        return server.#chassisOn
      },
      get lastCause() {
        return server.#lastCause
      },
      get restorePolicy() {
        return server.#restorePolicy
      },
      set restorePolicy(policy) {
        server.#restorePolicy = policy
      },
      suppliesGood: () => this.#inputs.map((live, index) => live && this.#healthy(index)),
      act: (action) => this.#act(action),
      standbyReady: () => this.#restore(),
    }
  }

  #act(action: ChassisAction): void {
    if (!this.#standby) return
    const on = this.#chassisOn
    if (action === 'on') {
      this.#endCycle()
      if (!on) this.#powerUp(RESTART_CAUSE.chassisControl)
    } else if (action === 'off') this.#powerOff()
    else if (!on) return
    else if (action === 'nmi') this.os.panic()
    else if (action === 'soft') this.os.shutDown()
    else if (action === 'reset') this.#reboot()
    else this.#cycle()
  }

  #reboot(): void {
    this.#lastCause = RESTART_CAUSE.chassisControl
    this.os.boot()
  }

  #cycle(): void {
    this.#powerOff()
    this.#cycling = this.#clock.after(this.#settings.cycleOffMs, () => {
      this.#cycling = undefined
      if (this.#standby) this.#powerUp(RESTART_CAUSE.chassisControl)
    })
  }

  #endCycle(): void {
    this.#cycling?.()
    this.#cycling = undefined
  }

  #powerUp(cause: RestartCause): void {
    this.#chassisOn = true
    this.#lastCause = cause
    this.os.boot()
    this.changed.tell()
  }

  #powerOff(): void {
    this.#endCycle()
    this.#chassisOn = false
    this.os.losePower()
    this.changed.tell()
  }

  #feedsChanged(): void {
    const fed = this.#inputs.some((live, index) => live && this.#healthy(index))
    this.bmc.lookAtSupplies()
    if (fed) {
      this.#holdUp?.()
      this.#holdUp = undefined
      if (!this.#standby) {
        this.#standby = true
        this.bmc.standbyCame()
      }
    } else if (this.#standby && !this.#holdUp) {
      const { holdUpMs } = this.#settings
      if (holdUpMs === 0) this.#collapse()
      else this.#holdUp = this.#clock.after(holdUpMs, () => this.#collapse())
    }
  }

  #collapse(): void {
    this.#holdUp = undefined
    this.#standby = false
    this.#wasOn = this.#chassisOn || this.#cycling !== undefined
    this.#powerOff()
    this.bmc.standbyWent()
  }

  #restore(): void {
    if (this.#chassisOn) return
    const wanted =
      this.#restorePolicy === 'on' || (this.#restorePolicy === 'previous' && this.#wasOn)
    if (wanted) this.#powerUp(RESTART_CAUSE.powerRestored)
  }

  #healthy(index: number): boolean {
    return !this.#faults.failedSupplies.includes(index + 1)
  }

  #loseOneReply(): boolean {
    if (this.#faults.loseReplies === 0) return false
    this.#faults = { ...this.#faults, loseReplies: this.#faults.loseReplies - 1 }
    return true
  }
}
