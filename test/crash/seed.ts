// Which part of the crash matrix runs. `npm test` takes a slice that a printed seed chooses; `npm run crash`
// takes all of it. The same seed chooses the same slice again.
import { randomInt } from 'node:crypto'

export const FULL = process.env['PALISADE_CRASH'] === 'full'

const given = Number(process.env['PALISADE_CRASH_SEED'] ?? Number.NaN)
export const SEED = Number.isSafeInteger(given) ? given : randomInt(1_000_000)

/** Chance that can be had again: numbers from 0 to `below` - 1, by the seed and what they are for. */
export function chance(purpose: string, seed = SEED): (below: number) => number {
  let state = seed >>> 0
  for (const letter of purpose) state = Math.imul(state ^ letter.charCodeAt(0), 0x01000193) >>> 0
  return (below) => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0
    return Math.floor((state / 2 ** 32) * below)
  }
}

/** So many of the items, or all of them if there are fewer. */
export function pick<T>(items: readonly T[], count: number, next: (below: number) => number): T[] {
  const left = [...items]
  const picked: T[] = []
  while (picked.length < count && left.length > 0) picked.push(...left.splice(next(left.length), 1))
  return picked
}

/** Tells how the run can be had again. */
export function announce(what: string): void {
  console.log(`[crash] ${what}: seed ${SEED}${FULL ? ', all of it' : ''}`)
}
