// All outlets of one switched PDU over SNMP (spec protocols.md §3).
import { findModelOf } from '../../../core/custom-pdu-model.ts'
import {
  OUTLETS_AT_MOST,
  outletOid,
  type PduModel,
  type Place,
  refuseOutlet,
} from '../../../core/pdu-model.ts'
import { refusePduModel } from '../../../core/pdu-models.ts'
import type { Clock, Random } from '../../../core/ports.ts'
import type { CustomPduModel } from '../../../core/site.ts'
import type {
  Answer,
  Armed,
  DriverEvents,
  OutletController,
  OutletReading,
  OutletReadings,
  Silence,
  Switch,
} from '../driver.ts'
import { installDes } from './des.ts'
import { DeviceLink } from './device-link.ts'
import type { Asker, Device } from './identify.ts'
import { type NamedReading, type OutletTable, readOutlets, unread } from './outlet-readings.ts'
import type { SnmpAccess } from './session.ts'

export type { SnmpAccess } from './session.ts'

export interface SnmpOutletOptions {
  /** Of the PDU, as in the site file. */
  name: string
  address: string
  port: number
  /** A name of `core/pdu-models.ts`, or `custom`. */
  model: string
  custom?: CustomPduModel
  unit?: number
  branch?: number
  /** The name that an outlet must have on the device to be read and switched; undefined where any will do. */
  nameOf?: (outlet: number) => string | undefined
  snmp: SnmpAccess
  clock: Clock
  random: Random
  events: DriverEvents
}

const NAMES_TIMEOUT_MS = 2_000

/** Throws on a model name that is not in the table: configuration is checked long before. */
export function createSnmpOutletController(options: SnmpOutletOptions): OutletController {
  const model = findModelOf(options)
  if (!model) throw new RangeError(`PDU ${options.name}: ${refusePduModel(options.model)}`)
  if (options.snmp.version === '3' && options.snmp.priv?.protocol === 'des') {
    installDes(options.random)
  }
  return new SnmpOutlets(options, model)
}

class SnmpOutlets implements OutletController {
  #clock: Clock
  #model: PduModel
  #keeper: DeviceLink
  #nameOf: (outlet: number) => string | undefined
  /** The name that an outlet had to have when it was last seen to have it. */
  #named = new Map<number, string>()

  constructor(options: SnmpOutletOptions, model: PduModel) {
    const { address, port, snmp: access, clock, random, events, unit, branch, nameOf } = options
    this.#clock = clock
    this.#model = model
    this.#nameOf = nameOf ?? (() => undefined)
    const where: Partial<Place> = {
      ...(unit === undefined ? {} : { unit }),
      ...(branch === undefined ? {} : { branch }),
    }
    this.#keeper = new DeviceLink({
      ...{ address, port, model, where, access, clock, random, events },
      prepare: (ask, device) => this.#checkNames(ask, device),
    })
  }

  get link() {
    return this.#keeper.link
  }

  get model() {
    return this.#keeper.device?.model
  }

  get firmware() {
    return this.#keeper.device?.firmware
  }

  start(): void {
    this.#keeper.start()
  }

  ready(timeoutMs: number): Promise<boolean> {
    return this.#keeper.ready(timeoutMs)
  }

  close(): Promise<void> {
    return this.#keeper.close()
  }

  /**
   * Undefined while the device's identity is not proven, for an outlet that it cannot have, and for one
   * that did not have its name when it was last read (spec protocols.md §3.3 rule 8).
   */
  arm(outlet: number, to: Switch): Armed | undefined {
    const session = this.#keeper.session
    const device = this.#keeper.device
    if (!session || !device || refuseOutlet(this.#model, outlet)) return undefined
    const name = this.#nameOf(outlet)
    if (name !== undefined && this.#named.get(outlet) !== name) return undefined
    const write = device.columns[to]
    const oid = outletOid(write.oid, outlet)
    let spent = false
    const fire: Armed['fire'] = (guard, answered) => {
      if (spent || !guard()) return false
      spent = true
      const askedAt = this.#clock.now()
      session.set(oid, write.value, (answer: Answer, byDevice: boolean) => {
        if (byDevice) this.#keeper.answered(askedAt)
        answered(answer)
      })
      return true
    }
    return { fire }
  }

  async read(outlets: readonly number[], timeoutMs: number): Promise<OutletReadings | Silence> {
    if (outlets.length === 0) throw new RangeError('no outlets: nothing read is not all off')
    const calledAt = this.#clock.now()
    const deadlineAt = calledAt + timeoutMs
    const readings = await this.#keeper.lane.run(
      () => this.#readUntil(outlets, deadlineAt),
      timeoutMs,
    )
    return readings ?? { value: 'silent', askedAt: calledAt, detail: this.#whySilent() }
  }

  #whySilent(): string {
    const { state, detail } = this.#keeper.link
    return state === 'up' ? 'no answer in time' : detail
  }

  /** Over a loss of the link too, as long as there is time: a read has no effect. */
  async #readUntil(
    outlets: readonly number[],
    deadlineAt: number,
  ): Promise<OutletReadings | undefined> {
    for (;;) {
      const leftMs = deadlineAt - this.#clock.now()
      if (leftMs <= 0 || this.#keeper.link.permanent) return undefined
      const readings = await this.#readOnce(outlets, deadlineAt)
      if (readings) return readings
      const still = deadlineAt - this.#clock.now()
      if (still > 0 && !this.#keeper.session) await this.#keeper.changed(still)
    }
  }

  async #readOnce(
    outlets: readonly number[],
    deadlineAt: number,
  ): Promise<OutletReadings | undefined> {
    const session = this.#keeper.session
    const device = this.#keeper.device
    if (!session || !device) return undefined
    const possible = outlets.filter((outlet) => !refuseOutlet(this.#model, outlet))
    const get = (oids: string[], timeoutMs: number) => this.#keeper.get(session, oids, timeoutMs)
    const askedAt = this.#clock.now()
    const read = possible.length > 0 ? await this.#readNamed(get, device, possible, deadlineAt) : []
    if (!read) return undefined
    const byOutlet = (outlet: number): OutletReading => {
      const { value, raw } =
        read.find((reading) => reading.outlet === outlet) ?? unread(outlet, 'no such outlet')
      return { outlet, value, raw }
    }
    return {
      value: 'read',
      askedAt,
      answeredAt: this.#clock.now(),
      readAt: this.#clock.wall(),
      outlets: outlets.map(byOutlet),
    }
  }

  /** Keeps which outlets were seen to have their names. */
  async #readNamed(
    get: Asker['get'],
    { columns, nameOid }: Device,
    outlets: readonly number[],
    deadlineAt: number,
  ): Promise<NamedReading[] | undefined> {
    // The names as they are asked for now: the site may change while the answer is under way.
    const names = new Map(outlets.map((outlet) => [outlet, this.#nameOf(outlet)]))
    const nameOf = (outlet: number) => names.get(outlet)
    const table: OutletTable = { columns, nameOid, nameOf }
    const read = await readOutlets(get, table, outlets, this.#clock, deadlineAt)
    for (const { outlet, named } of read ?? []) {
      const name = nameOf(outlet)
      if (named && name !== undefined) this.#named.set(outlet, name)
      else this.#named.delete(outlet)
    }
    return read
  }

  /** A link that comes up knows the names already, so that the first cut need not wait for a look. */
  async #checkNames(ask: Asker, device: Device): Promise<void> {
    this.#named.clear()
    const outlets = Array.from({ length: OUTLETS_AT_MOST }, (_, index) => index + 1)
    const named = outlets.filter(
      (outlet) => this.#nameOf(outlet) !== undefined && !refuseOutlet(this.#model, outlet),
    )
    if (named.length === 0) return
    const get: Asker['get'] = (oids, timeoutMs) => ask.get(oids, timeoutMs)
    await this.#readNamed(get, device, named, this.#clock.now() + NAMES_TIMEOUT_MS)
  }
}
