// The agent killed with -9 before, during and after every step of every kind of ladder, and started again on
// what it left: no accepted order is lost, none ends twice, no shot is given a second time without a look.
import { availableParallelism } from 'node:os'
import { afterAll, expect, test, vi } from 'vitest'
import { KINDS } from './kinds.ts'
import { doubleKills, faultLines, Gate, playCase, singleKills, tally } from './matrix.ts'
import { announce, chance, FULL, pick } from './seed.ts'

const SLICE_PER_KIND = 2
const KIND_WITHIN_MS = FULL ? 1_800_000 : 240_000
// Ladders mostly wait; starting and dying costs a processor.
const gate = new Gate(16 * Math.max(2, availableParallelism()))
const tallies: string[] = []

vi.setConfig({ maxConcurrency: KINDS.length })
announce('kills of the agent')

test.concurrent.each(KINDS)(
  '$name: killed anywhere, it ends once, and no shot comes twice',
  async (kind) => {
    const calm = await gate.pass(() => playCase(kind, []))
    expect(faultLines(kind, [calm])).toEqual([])
    if (!calm.trace) throw new Error('a calm run leaves a trace')
    const next = chance(kind.name)
    const all = [...singleKills(calm.trace), ...doubleKills(calm.trace, next)]
    const cases = FULL ? all : pick(all, SLICE_PER_KIND, next)
    const played = await Promise.all(cases.map((kills) => gate.pass(() => playCase(kind, kills))))
    tallies.push(tally(kind, played))
    expect(faultLines(kind, played)).toEqual([])
    const came = played.filter(({ trace }) => (trace?.kills ?? 0) > 0)
    expect(came.length, 'cases in which the agent died').toBeGreaterThan(0)
  },
  KIND_WITHIN_MS,
)

afterAll(() => console.log(`[crash] ${tallies.join('\n[crash] ')}`))
