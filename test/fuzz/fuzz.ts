// Random attacks that can be had again: each prints its seed, and PALISADE_FUZZ_SEED=N has the same ones.
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import { expect } from 'vitest'

/** What may be left on the heap afterwards: far less than thousands of inputs that somebody kept. */
const KEPT_BYTES_MAX = 48 * 1024 * 1024

interface Attack {
  title: string
  withinMs?: number
}

/** Tries inputs for so long (default 4 s), then looks at what of them is still in memory. */
export async function fuzz<T>(
  { title, withinMs = 4000 }: Attack,
  inputs: fc.Arbitrary<T>,
  attack: (input: T) => void | Promise<void>,
): Promise<void> {
  const given = Number(process.env['PALISADE_FUZZ_SEED'])
  const seed = Number.isInteger(given) && given !== 0 ? given : (Date.now() % 2_147_483_647) + 1
  console.log(`fuzz ${title}: PALISADE_FUZZ_SEED=${seed}`)
  const before = heapBytes()
  let tried = 0
  let running: Promise<void> = Promise.resolve()
  await fc.assert(
    fc.asyncProperty(inputs, async (input) => {
      tried += 1
      running = Promise.resolve(attack(input))
      await running
    }),
    { seed, numRuns: 1_000_000, interruptAfterTimeLimit: withinMs, markInterruptAsFailure: false },
  )
  // The time limit lets go of the last one while it is under way.
  await running
  console.log(`fuzz ${title}: ${tried} inputs`)
  expect(tried).toBeGreaterThan(20)
  expect(heapBytes() - before).toBeLessThan(KEPT_BYTES_MAX)
}

function heapBytes(): number {
  setFlagsFromString('--expose-gc')
  runInNewContext('gc')()
  return process.memoryUsage().heapUsed
}

const NASTY_TEXTS = [
  '',
  ' ',
  '\u0000',
  '\ud800',
  '\udc00x',
  '\u202e',
  '__proto__',
  'constructor',
  'toString',
  'a'.repeat(5000),
  '😀'.repeat(40),
  '../../etc/passwd',
  "'; drop table resets; --",
  '%00',
  '\r\nX-Other: 1',
  '2026-13-32T25:61:61.000000Z',
  'rst_0123456789abcdefghjkmnpqrs',
]
const NASTY_NUMBERS = [
  0,
  -1,
  0.5,
  1e21,
  -1e21,
  1e-7,
  2 ** 31,
  2 ** 53,
  2 ** 63,
  Number.MAX_SAFE_INTEGER,
  Number.MAX_VALUE,
]

export const nastyText: fc.Arbitrary<string> = fc.oneof(
  fc.constantFrom(...NASTY_TEXTS),
  fc.string({ unit: 'binary', maxLength: 40 }),
  fc.string({ maxLength: 40 }),
)

/** Whatever JSON can say, with a taste for what breaks things. */
export const nastyJson: fc.Arbitrary<unknown> = fc.oneof(
  nastyText,
  fc.constantFrom<unknown>(...NASTY_NUMBERS, null, true, false),
  fc
    .integer({ min: 1, max: 3000 })
    .map((depth) => JSON.parse('['.repeat(depth) + ']'.repeat(depth))),
  fc.jsonValue({ maxDepth: 4 }),
  fc.constant(JSON.parse('{"__proto__":{"polluted":true},"constructor":{"prototype":1}}')),
)

type Key = string | number

/** Unlike a structured clone it keeps an own `__proto__` and takes any depth. */
function cloned<T>(value: T): T {
  return value === undefined ? value : JSON.parse(JSON.stringify(value))
}

/** A document with a few of its places replaced, mostly by their like, doubled or taken away. */
export function bent<T>(document: T): fc.Arbitrary<T> {
  const edit = fc.record({
    where: fc.nat(),
    how: fc.constantFrom('twist', 'twist', 'put', 'drop', 'copy'),
    what: nastyJson,
    text: nastyText,
    number: fc.constantFrom(...NASTY_NUMBERS),
  })
  return fc.array(edit, { minLength: 1, maxLength: 3 }).map((edits) => {
    const copy = cloned(document)
    for (const { where, how, what, text, number } of edits) {
      const places = placesOf(copy)
      const [owner, key] = places[where % Math.max(1, places.length)] ?? []
      if (owner === undefined || key === undefined) continue
      if (how === 'drop') Reflect.deleteProperty(owner, key)
      else if (how === 'copy' && Array.isArray(owner)) owner.push(cloned(owner[Number(key)]))
      else if (how === 'put') Reflect.set(owner, key, cloned(what))
      else if (typeof Reflect.get(owner, key) === 'string') Reflect.set(owner, key, text)
      else if (typeof Reflect.get(owner, key) === 'number') Reflect.set(owner, key, number)
    }
    return copy
  })
}

function placesOf(value: unknown, depth = 0): [object, Key][] {
  if (typeof value !== 'object' || value === null || depth > 12) return []
  return Object.entries(value).flatMap(([key, inner]): [object, Key][] => [
    [value, key],
    ...placesOf(inner, depth + 1),
  ])
}

/** A text with a few of its characters replaced, and sometimes cut or repeated. */
export function garbled(text: string): fc.Arbitrary<string> {
  const edit = fc.record({ at: fc.nat(), cut: fc.nat({ max: 8 }), put: nastyText })
  return fc.array(edit, { minLength: 1, maxLength: 5 }).map((edits) =>
    edits.reduce((left, { at, cut, put }) => {
      const from = at % (left.length + 1)
      return left.slice(0, from) + put + left.slice(from + cut)
    }, text),
  )
}
