// The system event log of a BMC, as far as supplies are concerned. Survives the loss of power; when full,
// the oldest entry goes.

export interface SupplyEvent {
  /** Record id, from 1. */
  id: number
  /** Seconds since 1970 by the BMC's own clock. */
  atS: number
  /** Number of the supply, from 1. */
  supply: number
  /** True when its input was lost, false when it came back. */
  lost: boolean
}

const CAPACITY = 512
const LAST_ID = 0xfffe

export class EventLog {
  readonly capacity = CAPACITY
  #events: SupplyEvent[] = []
  #nextId = 1

  add(event: Omit<SupplyEvent, 'id'>): void {
    this.#events.push({ id: this.#nextId, ...event })
    this.#nextId = this.#nextId === LAST_ID ? 1 : this.#nextId + 1
    if (this.#events.length > CAPACITY) this.#events.shift()
  }

  list(): readonly SupplyEvent[] {
    return this.#events
  }

  /** The entry with this id and the id after it (FFFFh at the end); 0 asks for the first, FFFFh the last. */
  find(id: number): { event: SupplyEvent; nextId: number } | undefined {
    const index =
      id === 0
        ? 0
        : id === 0xffff
          ? this.#events.length - 1
          : this.#events.findIndex((event) => event.id === id)
    const event = this.#events[index]
    if (!event) return undefined
    return { event, nextId: this.#events[index + 1]?.id ?? 0xffff }
  }
}
