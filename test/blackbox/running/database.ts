// The database gone, and the database gone back: what a ladder does does not depend on it, and what the agent
// journalled is stored in the end.
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { PrivatePostgres } from '../../postgres.ts'
import { type Installation, Watched } from '../installation.ts'
import { expectFencedOnce, expectOnTime, REBOOTED } from './timing.ts'

/** A client must not be kept waiting for a database that is not there. */
const ANSWERED_WITHIN_MS = 3000

/** `awayMs`: how long the database stays away. */
export function databaseTests(on: () => Installation, awayMs: number): void {
  describe('a database', () => {
    let all: Installation
    let postgres: PrivatePostgres
    beforeAll(() => {
      all = on()
      if (!all.target.postgres) throw new Error('this target has no Postgres of its own')
      postgres = all.target.postgres
    })
    // It waits longer after each loss of its link; started anew it has forgotten those before.
    beforeEach(() => all.startAgentAnew())
    afterEach(() => postgres.start())
    const watch = (name: string) => Watched.begin(all.lab, name)
    const hard = (server: string) => ({ target: { server }, mode: 'hard' })

    test('that is away stops no ladder; REST says when to ask again, and every record arrives', async () => {
      const { api } = all
      const [fifth, sixth] = await Promise.all([watch('PSERVER5'), watch('PSERVER6')])
      const six = await api.reset({ target: { server: 'PSERVER6' } })
      await postgres.crash()
      const awayAt = performance.now()
      const more = { site: 'lab', ...hard('PSERVER5'), reason: 'while the database is away' }
      for (const { status, type, headers, json, tookMs } of await Promise.all([
        answered('GET', `/v1/resets/${six.id}`),
        answered('GET', '/v1/sites/lab/status'),
        answered('POST', '/v1/resets', more),
      ])) {
        expect(json).toMatchObject({ status: 503, code: 'database-unavailable' })
        expect({ status, type }).toEqual({ status: 503, type: 'application/problem+json' })
        expect(Number(headers.get('retry-after'))).toBeGreaterThan(0)
        expect(tookMs).toBeLessThan(ANSWERED_WITHIN_MS)
      }
      expect(await api.ask('GET', '/readyz')).toMatchObject({ status: 503 })
      expect(await api.ask('GET', '/healthz')).toMatchObject({ status: 200 })
      const reset = await sixth.hardReset()
      expectOnTime(reset, six)
      await sleep(Math.max(0, awayMs - (performance.now() - awayAt)))
      await postgres.start()
      const end = await api.end(six.id, 60_000)
      expect(end).toMatchObject(REBOOTED)
      expect(Date.parse(end.fencedAt ?? '') - Date.parse(reset.wall)).toBeLessThan(1500)
      expect(await sixth.executed()).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
      // What was refused meanwhile was not done in secret, and is taken now.
      expect((await fifth.executed()).reset).toBe(0)
      const later = await api.reset(hard('PSERVER5'))
      await expectFencedOnce(await api.end(later.id), fifth)
    }, 120_000)

    test('that starts anew in the middle of a ladder is not noticed by the machine', async () => {
      const sixth = await watch('PSERVER6')
      const six = await all.api.reset({ target: { server: 'PSERVER6' } })
      await postgres.crash()
      await postgres.start()
      expectOnTime(await sixth.hardReset(), six)
      expect(await all.api.end(six.id)).toMatchObject(REBOOTED)
      expect(await sixth.executed()).toMatchObject({ nmi: 1, reset: 1, off: 0, cycle: 0 })
    })

    test('that fails over without its last moments gets them back, and no key runs twice', async () => {
      const { api } = all
      const [fifth, sixth] = await Promise.all([watch('PSERVER5'), watch('PSERVER6')])
      const copy = await postgres.copy()
      // Ended and reported, and yet unknown to the copy.
      const lost = await api.reset(hard('PSERVER5'), 'lost')
      await expectFencedOnce(await api.end(lost.id), fifth)
      const open = await api.reset({ target: { server: 'PSERVER6' } }, 'open')
      await copy.takeOver()
      await expect
        .poll(() => api.reset(hard('PSERVER5'), 'lost').catch(() => ({ id: '' })), {
          timeout: 20_000,
        })
        .toMatchObject({ id: lost.id })
      expectOnTime(await sixth.hardReset(), open)
      expect(await api.end(open.id)).toMatchObject(REBOOTED)
      await expectFencedOnce(await api.end(lost.id), fifth)
      const again = await api.reset({ target: { server: 'PSERVER6' } }, 'open')
      expect(again).toMatchObject({ id: open.id, status: 'complete' })
      expect(await sixth.executed()).toMatchObject({ nmi: 1, reset: 1 })
    })

    async function answered(method: string, path: string, content?: object) {
      const from = performance.now()
      const answer = await all.api.ask(method, path, content)
      return { ...answer, tookMs: performance.now() - from }
    }
  })
}
