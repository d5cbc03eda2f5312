// The one alarm of a hub. A hub that slept does not know what it is set for and looks; one that knows only moves
// it forward, which asks nobody.
import type { HubPorts } from './hub-ports.ts'

export class HubAlarm {
  readonly #setAlarm: HubPorts['setAlarm']
  readonly #look: () => Promise<number>
  /** Epoch ms, infinite for none; undefined while that is not known. */
  #setFor: number | undefined
  #looks = 0

  /** `look` tells when the hub is needed next: epoch ms, infinite for never. */
  constructor(setAlarm: HubPorts['setAlarm'], look: () => Promise<number>) {
    this.#setAlarm = setAlarm
    this.#look = look
  }

  /** It rang, and is set for nothing now. */
  rung(): void {
    this.#setFor = undefined
  }

  /** Looks when the hub is needed next. */
  async arm(): Promise<void> {
    this.#setFor = undefined
    this.#looks += 1
    const look = this.#looks
    const next = await this.#look()
    // What was stored behind this look is known to a newer one.
    if (look !== this.#looks && next >= (this.#setFor ?? Number.POSITIVE_INFINITY)) return
    await this.#set(next)
  }

  /** Not later than this. Always sets it: a hub that was replaced meanwhile fails by that. */
  async armBy(atMs: number): Promise<void> {
    if (this.#setFor === undefined) return await this.arm()
    await this.#set(Math.min(atMs, this.#setFor))
  }

  /** At this instant, whatever else it was set for: then everything is looked at again. */
  async lookAgainAt(atMs: number): Promise<void> {
    await this.#set(atMs)
  }

  async #set(atMs: number): Promise<void> {
    this.#setFor = atMs
    await this.#setAlarm(Number.isFinite(atMs) ? atMs : undefined)
  }
}
