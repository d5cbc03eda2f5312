// All points at which an agent can die in one kind of ladder, learnt from a calm run of it.
import type { Recovery } from '../../core/outcome.ts'
import { MOMENTS } from './journal-kill.ts'
import type { Ending, LadderKind } from './kinds.ts'
import { type Kill, play, type Trace } from './play.ts'
import { brokenPromises, endingOf } from './promises.ts'

/** One case: where each life of the agent ends; the last life is left to finish. */
export type Kills = readonly Kill[]

/** Before, during and after every append, and at the instant of every command. */
export function singleKills({ appends, acts }: Trace): Kills[] {
  const atAppends = appends.flatMap((kinds, index) =>
    MOMENTS.filter((moment) => moment !== 'sent' || kinds.includes('intent')).map((moment) => [
      { append: index + 1, moment },
    ]),
  )
  return [...atAppends, ...acts.map((_, index) => [{ act: index + 1 }])]
}

/** For every append that was durable when the first life ended, a second life that ends soon too. */
export function doubleKills({ appends }: Trace, next: (below: number) => number): Kills[] {
  return appends.map((kinds, index) => [
    { append: index + 1, moment: kinds.includes('intent') ? 'sent' : 'durable' },
    { append: 1 + next(3), moment: MOMENTS[next(MOMENTS.length)] ?? 'durable' },
  ])
}

export function nameOf(kills: Kills): string {
  const names = kills.map((kill) =>
    'act' in kill ? `command ${kill.act} arrives` : `append ${kill.append} ${kill.moment}`,
  )
  return names.length === 0 ? 'calm' : names.join(', then ')
}

export interface Played {
  kills: Kills
  trace: Trace | undefined
  ending: Ending | undefined
  /** Promises that were broken, or why the case could not be played. */
  broken: string[]
}

export async function playCase(kind: LadderKind, kills: Kills): Promise<Played> {
  try {
    const trace = await play(kind, kills)
    return { kills, trace, ending: endingOf(trace), broken: await brokenPromises(kind, trace) }
  } catch (error) {
    const said = error instanceof Error ? (error.stack ?? error.message) : String(error)
    return { kills, trace: undefined, ending: undefined, broken: [said] }
  }
}

/** Faults as lines that name the case, with what its journal and devices tell. */
export function faultLines(kind: LadderKind, played: readonly Played[]): string[] {
  return played.flatMap(({ kills, broken, trace }) =>
    broken.map((said) => `${kind.name}, ${nameOf(kills)}: ${said}${trace ? story(trace) : ''}`),
  )
}

function story({ records, acts, order }: Trace): string {
  const lines = [
    ...records.flatMap((record) => {
      if (!('order' in record) || record.order !== order || !('mono' in record)) return []
      const { start, kind, mono } = record
      const what = kind === 'intent' ? `${record.shot.rung} ${record.shot.id}` : ''
      const of = kind === 'answer' ? `${record.shot} ${record.answer} ${record.detail}` : ''
      const why = kind === 'concluded' ? JSON.stringify(record.conclusion) : ''
      return [{ at: mono.ms, said: `life ${start}: ${kind} ${what}${of}${why}` }]
    }),
    ...acts.map(({ at, device, what }) => ({ at, said: `${device} got ${what}` })),
  ].sort((a, b) => a.at - b.at)
  const [from] = lines
  return lines.map(({ at, said }) => `\n  ${Math.round(at - (from?.at ?? 0))} ms ${said}`).join('')
}

/** How the cases of a kind came out, for a person. */
export function tally(kind: LadderKind, played: readonly Played[]): string {
  const endings = new Map<string, number>()
  for (const { ending } of played) {
    const name = ending ? endingName(ending) : 'not played'
    endings.set(name, (endings.get(name) ?? 0) + 1)
  }
  const kills = played.reduce((sum, { trace }) => sum + (trace?.kills ?? 0), 0)
  const told = [...endings].map(([name, count]) => `${name} ${count}`).join(', ')
  return `${kind.name}: ${played.length} cases, ${kills} kills; ${told}`
}

function endingName({ result, recovery }: { result: string; recovery: Recovery }): string {
  return recovery === 'none' ? result : `${result} and ${recovery}`
}

/** Lets only so many run at once. */
export class Gate {
  readonly #waiting: (() => void)[] = []
  #free: number

  constructor(width: number) {
    this.#free = width
  }

  async pass<T>(act: () => Promise<T>): Promise<T> {
    if (this.#free > 0) this.#free -= 1
    else await new Promise<void>((resolve) => this.#waiting.push(resolve))
    try {
      return await act()
    } finally {
      const next = this.#waiting.shift()
      if (next) next()
      else this.#free += 1
    }
  }
}
