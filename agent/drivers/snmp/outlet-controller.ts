// All outlets of one switched PDU over SNMP (spec protocols.md §3).
import { outletOid, type PduModel, refuseOutlet } from '../../../core/pdu-model.ts'
import { findPduModel, refusePduModel } from '../../../core/pdu-models.ts'
import type { Clock, Random } from '../../../core/ports.ts'
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
import { readOutlets, unread } from './outlet-readings.ts'
import type { SnmpAccess } from './session.ts'

export type { SnmpAccess } from './session.ts'

export interface SnmpOutletOptions {
  /** Of the PDU, as in the site file. */
  name: string
  address: string
  port: number
  /** A name of `core/pdu-models.ts`. */
  model: string
  snmp: SnmpAccess
  clock: Clock
  random: Random
  events: DriverEvents
}

/** Throws on a model name that is not in the table: configuration is checked long before. */
export function createSnmpOutletController(options: SnmpOutletOptions): OutletController {
  const model = findPduModel(options.model)
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

  constructor(options: SnmpOutletOptions, model: PduModel) {
    const { address, port, snmp: access, clock, random, events } = options
    this.#clock = clock
    this.#model = model
    this.#keeper = new DeviceLink({ address, port, model, access, clock, random, events })
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

  /** Undefined while the device's identity is not proven, and for an outlet that it cannot have. */
  arm(outlet: number, to: Switch): Armed | undefined {
    const session = this.#keeper.session
    const device = this.#keeper.device
    if (!session || !device || refuseOutlet(this.#model, outlet)) return undefined
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
    const read =
      possible.length > 0
        ? await readOutlets(get, device.columns, possible, this.#clock, deadlineAt)
        : []
    if (!read) return undefined
    const byOutlet = (outlet: number): OutletReading =>
      read.find((reading) => reading.outlet === outlet) ?? unread(outlet, 'no such outlet')
    return {
      value: 'read',
      askedAt,
      answeredAt: this.#clock.now(),
      readAt: this.#clock.wall(),
      outlets: outlets.map(byOutlet),
    }
  }
}
