// Chance that can be had again: all randomness of a run comes from its seed.

export interface Chance {
  /** Uniform in [0, 1). */
  fraction(): number
  between(low: number, high: number): number
  /** Exponential. */
  about(mean: number): number
  happens(probability: number): boolean
  pick<T>(items: readonly T[]): T
}

/** xorshift over 32 bits, spread by a multiplication. */
export function chanceOf(seed: number): Chance {
  let state = Math.imul(seed + 1, 0x9e3779b1) | 1
  const fraction = () => {
    state ^= state << 13
    state ^= state >>> 17
    state ^= state << 5
    return (Math.imul(state, 0x2545f491) >>> 0) / 2 ** 32
  }
  for (let warm = 0; warm < 8; warm += 1) fraction()
  return {
    fraction,
    between: (low, high) => low + (high - low) * fraction(),
    about: (mean) => -Math.log(1 - fraction()) * mean,
    happens: (probability) => fraction() < probability,
    pick(items) {
      const item = items[Math.floor(fraction() * items.length)]
      if (item === undefined) throw new Error('nothing to pick from')
      return item
    },
  }
}
