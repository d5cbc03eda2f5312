// Control plane, database and agent killed at random over a run of ladders: every accepted order ends in one
// terminal record, none twice, none wrong. `npm test` takes a few kills on one target, `npm run kills` many on all.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, inject, test } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import { chance } from '../../crash/seed.ts'
import { Closing, until } from '../../e2e/programs.ts'
import { type Installation, startInstallation } from '../installation.ts'
import { onTarget, targetName } from '../targets.ts'
import { LINES, OrderLine } from './lines.ts'

const KILLS = Number(process.env['PALISADE_KILLS'] ?? 10)
const SEED = inject('killsSeed')
/** Longer than the longest timer of a ladder, so that any of its phases may be hit. */
const NEXT_WITHIN_MS = 3000
const DOWN_WITHIN_MS = 400
/** One in so many kills takes two at once. */
const BOTH_EVERY = 5

onTarget(`${KILLS} kills`, () => {
  const closing = new Closing()
  let all: Installation
  let lines: OrderLine[]

  beforeAll(async () => {
    all = await startInstallation(closing)
    for (const server of ['PSERVER1', 'PSERVER6']) {
      await all.lab.oracle.breakServer(server, { noKdump: true })
    }
    lines = LINES.map((line) => new OrderLine(all, line))
  }, 120_000)
  afterAll(() => closing.run())

  test(
    'leave every accepted order one end, and nothing happens twice',
    async () => {
      console.log(`[kills] ${targetName}: seed ${SEED}`)
      const killed = new Map<string, number>()
      let goesOn = true
      const ran = Promise.all(lines.map((line) => line.run(() => goesOn)))
      const note = (victim: string) => killed.set(victim, (killed.get(victim) ?? 0) + 1)
      const killing = killAtRandom(() => goesOn, note)
      try {
        await Promise.race([ran, killing])
      } finally {
        goesOn = false
        // It must start what it killed before anything is closed.
        await Promise.allSettled([killing])
      }
      await ran
      const ends = lines.flatMap(({ ended }) => ended)
      console.log(
        `[kills] ${targetName}: ${tally(killed)}; ${ends.length} orders: ` +
          tally(Map.groupBy(ends, ({ status, result }) => `${status} ${result}`)),
      )
      expect(new Set(ends.map(({ id }) => id)).size).toBe(ends.length)
      await expectRecorded(ends)
    },
    KILLS * 30_000 + 300_000,
  )

  async function killAtRandom(
    goesOn: () => boolean,
    note: (victim: string) => void,
  ): Promise<void> {
    const next = chance('kills', SEED)
    const victims = victimsOf(all)
    for (let kills = 0; kills < KILLS && goesOn(); ) {
      const waitMs = next(NEXT_WITHIN_MS)
      const downMs = next(DOWN_WITHIN_MS)
      const first = next(victims.length)
      const second = next(BOTH_EVERY) === 0 ? next(victims.length) : first
      await until('an order is open', 60_000, () => !goesOn() || lines.some(({ isOpen }) => isOpen))
      await sleep(waitMs)
      const hit = [...new Set([first, second])].flatMap((index) => victims[index] ?? [])
      await Promise.all(hit.map(({ kill }) => kill()))
      for (const { name } of hit) note(name)
      kills += hit.length
      await sleep(downMs)
      // A control plane that starts needs its database.
      for (const { start } of hit) await start()
    }
  }

  /** By the agent's own journal, as far as it is stored, and by the list of all resets. */
  async function expectRecorded(ends: readonly ResetView[]): Promise<void> {
    const { api, palisade } = all
    const exported = await palisade(['audit', '--site', 'lab'])
    const proof = await palisade(['audit', 'verify', '-'], exported.stdout)
    expect(proof.code, proof.stdout + proof.stderr).toBe(0)
    const records = exported.stdout.split('\n').flatMap((line) => {
      const { record } = line === '' ? {} : JSON.parse(line)
      return record === undefined ? [] : [record as { kind: string; order?: string }]
    })
    for (const { id, code } of ends) {
      const kinds = records.flatMap(({ kind, order }) => (order === id ? [kind] : []))
      const count = (wanted: string) => kinds.filter((kind) => kind === wanted).length
      const ran = code === 'order-expired' ? 0 : 1
      const counted = [count('accepted'), count('concluded'), count('ended')]
      expect(counted, `${id}: ${kinds}`).toEqual([ran, ran, ran])
    }
    const listed: string[] = []
    for (let cursor: string | null = ''; cursor !== null; ) {
      const query: string = cursor === '' ? '' : `&cursor=${cursor}`
      const page = await api.get<{ items: ResetView[]; nextCursor: string | null }>(
        `/v1/resets?site=lab&limit=100${query}`,
      )
      listed.push(...page.items.map(({ id }) => id))
      cursor = page.nextCursor
    }
    expect(listed.toSorted()).toEqual(ends.map(({ id }) => id).toSorted())
  }
})

interface Victim {
  name: string
  kill(): Promise<void>
  start(): Promise<void> | void
}

/** In the order in which they have to start. */
function victimsOf({ target, agent }: Installation): Victim[] {
  const { postgres } = target
  const ours = [
    { name: 'control plane', kill: () => target.kill(), start: () => target.start() },
    { name: 'agent', kill: () => agent.program.kill(), start: () => agent.start() },
  ]
  if (!postgres) return ours
  return [
    { name: 'database', kill: () => postgres.crash(), start: () => postgres.start() },
    ...ours,
  ]
}

function tally(counts: ReadonlyMap<string, number | readonly unknown[]>): string {
  return [...counts]
    .map(([name, count]) => `${name} ${typeof count === 'number' ? count : count.length}`)
    .join(', ')
}
