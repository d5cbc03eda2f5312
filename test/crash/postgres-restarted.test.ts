// Postgres killed with -9 again and again while a reset is accepted, sent and reported. What happens while it stays
// away is tested on every target, in test/blackbox.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { startLabSite } from '../e2e/palisade.ts'
import { Closing, until } from '../e2e/programs.ts'
import { findPostgres, type PrivatePostgres, startPostgres } from '../postgres.ts'
import { announce, chance, FULL } from './seed.ts'

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
}, 120_000)

afterAll(() => closing.run())

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
      await api.ask('GET', '/v1/resets')
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
