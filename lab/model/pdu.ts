// A switched power distribution unit: relays that follow orders, or do not.
import type { Cancel, Clock } from '../../core/ports.ts'
import { Change } from './change.ts'
import { noOutletFaults, noPduFaults, type OutletFaults, type PduFaults } from './faults.ts'
import { Records } from './record.ts'

export type Position = 'on' | 'off'

export interface OutletOrder {
  outlet: number
  to: Position
}

interface Outlet {
  relay: Position
  /** What the device believes: differs from the relay only when the contacts are welded. */
  shown: Position
  ordered: Position | undefined
  moving: Cancel | undefined
  faults: OutletFaults
}

export class PduModel {
  readonly name: string
  readonly outletCount: number
  readonly changed = new Change()
  /** Every SET that the device accepted. */
  readonly orders: Records<OutletOrder>
  readonly #clock: Clock
  readonly #outlets: Outlet[]
  #faults = noPduFaults()

  constructor(name: string, outletCount: number, clock: Clock) {
    this.name = name
    this.outletCount = outletCount
    this.#clock = clock
    this.orders = new Records(clock)
    this.#outlets = Array.from({ length: outletCount }, () => ({
      relay: 'on',
      shown: 'on',
      ordered: undefined,
      moving: undefined,
      faults: noOutletFaults(),
    }))
  }

  get faults(): Readonly<PduFaults> {
    return this.#faults
  }

  setFaults(faults: Partial<PduFaults>): void {
    this.#faults = { ...this.#faults, ...faults }
    this.changed.tell()
  }

  /** Whether the socket carries voltage. The truth, whatever the device says. */
  live(outlet: number): boolean {
    return this.#get(outlet).relay === 'on'
  }

  /** What the device answers about the outlet. */
  shown(outlet: number): { position: Position; pending: boolean } {
    const { shown, ordered } = this.#get(outlet)
    return { position: shown, pending: ordered !== undefined }
  }

  /** Takes an order as the network front hands it in. */
  order(outlet: number, to: Position): void {
    const target = this.#get(outlet)
    this.orders.add({ outlet, to })
    target.moving?.()
    target.moving = undefined
    target.ordered = undefined
    if (target.faults.slowMs === 0) {
      this.#move(target, to)
      return
    }
    target.ordered = to
    target.moving = this.#clock.after(target.faults.slowMs, () => {
      target.moving = undefined
      target.ordered = undefined
      this.#move(target, to)
    })
  }

  outletFaults(outlet: number): Readonly<OutletFaults> {
    return this.#get(outlet).faults
  }

  setOutletFaults(outlet: number, faults: Partial<OutletFaults>): void {
    const target = this.#get(outlet)
    target.faults = { ...target.faults, ...faults }
    this.changed.tell()
  }

  #move(target: Outlet, to: Position): void {
    if (target.faults.stuck) return
    target.shown = to
    if (!target.faults.welded) target.relay = to
    this.changed.tell()
  }

  #get(outlet: number): Outlet {
    const found = this.#outlets[outlet - 1]
    if (!found) throw new RangeError(`${this.name} has no outlet ${outlet}: 1–${this.outletCount}`)
    return found
  }

  close(): void {
    for (const outlet of this.#outlets) outlet.moving?.()
  }
}
