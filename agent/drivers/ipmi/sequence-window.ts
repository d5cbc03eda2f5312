// Accepts each sequence number of a session once, in any order within a window of 32.

const WINDOW = 32

export class SequenceWindow {
  #highest = 0
  /** Bit n: `#highest - n` was seen. */
  #seen = 0

  /** True the first time a number is seen. A jump ahead is fine: some BMCs skip (spec protocols.md §1.5). */
  accept(sequence: number): boolean {
    if (sequence === 0) return false
    const ahead = sequence - this.#highest
    if (ahead > 0) {
      this.#seen = ahead >= WINDOW ? 1 : ((this.#seen << ahead) | 1) >>> 0
      this.#highest = sequence
      return true
    }
    if (-ahead >= WINDOW) return false
    const bit = (1 << -ahead) >>> 0
    if ((this.#seen & bit) !== 0) return false
    this.#seen = (this.#seen | bit) >>> 0
    return true
  }
}
