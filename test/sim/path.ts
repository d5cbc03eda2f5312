// One way through the network, in both directions: it delays, loses, repeats and reorders datagrams, and can be
// cut. What overtakes does so by less than the ladder's grace for it: LANs reorder neighbours, not seconds.
import type { Chance } from './chance.ts'
import type { Timeline } from './timeline.ts'

export type Direction = 'there' | 'back'

const OVERTAKES_BY_MS = 150

export interface PathTrouble {
  cut: Record<Direction, boolean>
  loss: number
  repeats: number
  slowMs: number
  jitterMs: number
}

export class Path {
  readonly trouble: PathTrouble = {
    cut: { there: false, back: false },
    loss: 0,
    repeats: 0,
    slowMs: 0,
    jitterMs: 0,
  }
  readonly #time: Timeline
  readonly #chance: Chance
  readonly #lastAt: Record<Direction, number> = { there: 0, back: 0 }

  constructor(time: Timeline, chance: Chance) {
    this.#time = time
    this.#chance = chance
  }

  /** Carries one datagram; `lost` when it never comes. */
  send(direction: Direction, arrive: () => void, lost: () => void = () => {}): void {
    const { cut, loss, repeats } = this.trouble
    const chance = this.#chance
    const delayMs = this.#delayMs(direction)
    const isLost = chance.fraction() < loss
    const isRepeated = chance.fraction() < repeats
    if (cut[direction] || isLost) return lost()
    this.#time.after(delayMs, arrive)
    if (isRepeated) this.#time.after(delayMs + chance.between(0, OVERTAKES_BY_MS), arrive)
  }

  #delayMs(direction: Direction): number {
    const { slowMs, jitterMs } = this.trouble
    const chance = this.#chance
    const { now } = this.#time
    const free = 0.1 + chance.fraction() + slowMs + chance.fraction() * jitterMs
    const at = Math.max(now + free, this.#lastAt[direction] - OVERTAKES_BY_MS)
    this.#lastAt[direction] = Math.max(this.#lastAt[direction], at)
    return at - now
  }
}
