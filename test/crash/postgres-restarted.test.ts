// Postgres killed with -9 in the middle of a ladder and away for some seconds: the machine is stopped on time all
// the same, the records arrive afterwards, and meanwhile the control plane says that it cannot serve and when to
// ask again.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLabSite } from '../e2e/palisade.ts'
import { Closing, until } from '../e2e/programs.ts'
import { findPostgres, type PrivatePostgres, startPostgres } from '../postgres.ts'
import { announce, chance, FULL } from './seed.ts'

const HARD_AFTER_MS = 2500
/** What a busy machine may take between the instant of a timer and the datagram at the BMC. */
const LATE_MS = 1500
const AWAY_MS = 4000
/** A client must not be kept waiting for a database that is not there. */
const ANSWERED_WITHIN_MS = 3000

announce('kills of Postgres')
const next = chance('postgres')
const closing = new Closing()
const run = findPostgres() === undefined ? test.skip : test
let postgres: PrivatePostgres
let rig: Awaited<ReturnType<typeof startLabSite>>

beforeAll(async () => {
  if (findPostgres() === undefined) return
  postgres = await startPostgres({ durable: true })
  closing.add(() => postgres.stop())
  rig = await startLabSite(closing, await postgres.emptyDatabase())
  await rig.lab.oracle.breakServer('PSERVER6', { noKdump: true })
}, 120_000)

afterAll(() => closing.run())

run(
  'its ladder ends on time, its records come later, and REST answers 503 meanwhile',
  async () => {
    const { api, lab } = rig
    const accepted = await api.reset({ target: { server: 'PSERVER6' } }, 'away-1')
    await postgres.crash()
    const awayAt = performance.now()
    const asked = await Promise.all([
      answered('GET', `/v1/resets/${accepted.id}`),
      answered('GET', '/v1/sites/lab/status'),
      answered('POST', '/v1/resets', {
        site: 'lab',
        target: { server: 'PSERVER5' },
        mode: 'hard',
        reason: 'while the database is away',
      }),
    ])
    for (const { status, type, headers, json, tookMs } of asked) {
      expect(json).toMatchObject({ status: 503, code: 'database-unavailable' })
      expect({ status, type }).toEqual({ status: 503, type: 'application/problem+json' })
      expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
      expect(tookMs).toBeLessThan(ANSWERED_WITHIN_MS)
    }
    expect(await api.ask('GET', '/readyz')).toMatchObject({ status: 503 })
    expect(await api.ask('GET', '/healthz')).toMatchObject({ status: 200 })

    const reset = await until('the hard reset', 15_000, async () => {
      const { bmc } = await lab.oracle.server('PSERVER6')
      return bmc.controls.find(({ action }) => action === 'reset') ?? false
    })
    const afterMs = Date.parse(reset.wall) - Date.parse(accepted.requestedAt)
    expect(afterMs).toBeGreaterThanOrEqual(HARD_AFTER_MS - 5)
    expect(afterMs).toBeLessThan(HARD_AFTER_MS + LATE_MS)

    await sleep(Math.max(0, AWAY_MS - (performance.now() - awayAt)))
    await postgres.start()
    const end = await until('the end is told', 60_000, async () => {
      const view = await api.view(accepted.id)
      return view.endedAt === null ? false : view
    })
    expect(end).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
    expect(Date.parse(end.fencedAt ?? '') - Date.parse(reset.wall)).toBeLessThan(LATE_MS)
    const { bmc } = await lab.oracle.server('PSERVER6')
    expect(bmc.executed).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
    // What was refused meanwhile was not done in secret, and is taken now.
    expect((await lab.oracle.server('PSERVER5')).bmc.executed.reset).toBe(0)
    await api.allLinksOk()
    const later = await api.reset({ target: { server: 'PSERVER5' }, mode: 'hard' })
    expect(await api.end(later.id)).toMatchObject({ status: 'complete', result: 'REBOOT' })
  },
  180_000,
)

run(
  'killed again and again with a reset under way, the control plane lives and each reset runs once',
  async () => {
    const { api, controlPlane, lab } = rig
    const before = (await lab.oracle.server('PSERVER6')).bmc.executed.reset
    const kills = FULL ? 30 : 1
    for (let kill = 1; kill <= kills; kill += 1) {
      const ask = { target: { server: 'PSERVER6' }, mode: 'hard' }
      const first = api.reset(ask, `kill-${kill}`).catch(() => undefined)
      await sleep(next(60))
      await postgres.crash()
      await first
      await answered('GET', '/v1/resets')
      expect(controlPlane.program.alive, controlPlane.program.output).toBe(true)
      await postgres.start()
      const { id } = await until('an answer', 60_000, () => api.reset(ask, `kill-${kill}`))
      expect(await api.end(id, 60_000)).toMatchObject({ status: 'complete', result: 'REBOOT' })
      const { bmc } = await lab.oracle.server('PSERVER6')
      expect(bmc.executed.reset - before).toBe(kill)
    }
  },
  FULL ? 900_000 : 180_000,
)

async function answered(method: string, path: string, content?: object) {
  const from = performance.now()
  const answer = await rig.api.ask(method, path, content)
  return { ...answer, tookMs: performance.now() - from }
}
