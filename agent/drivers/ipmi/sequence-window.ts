// Accepts each sequence number of a session once, in any order within a window of 32, over the wrap as well.

const WINDOW = 32

export class SequenceWindow {
  /** Undefined before the first number, which may be any. */
  #highest: number | undefined
  /** Bit n: `#highest - n` was seen. */
  #seen = 0

  /** True the first time a number is seen. A jump ahead is fine: some BMCs skip (spec protocols.md §1.5). */
  accept(sequence: number): boolean {
    if (sequence === 0) return false
    // The distance around the circle: 1 comes soon after 0xffff_ffff.
    const ahead = this.#highest === undefined ? WINDOW : (sequence - this.#highest) | 0
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
