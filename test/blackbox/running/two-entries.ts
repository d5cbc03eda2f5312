// Two control planes of one installation on one database: at an update, or because a platform started a hub
// anew while its predecessor still believes to be it.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import { Api } from '../../e2e/api.ts'
import { type Installation, Watched } from '../installation.ts'
import { type Entry, LONG, targetName } from '../targets.ts'
import { expectFencedOnce } from './timing.ts'

const HARD = { site: 'lab', target: { server: 'PSERVER5' }, mode: 'hard', reason: 'two entries' }
const NO_AGENT = 'no agent of this site is connected'

export function twoEntriesTests(on: () => Installation): void {
  describe('two entries', () => {
    let all: Installation
    let first: Api
    let second: Api
    let entry: Entry
    beforeAll(async () => {
      all = on()
      const other = await all.target.startSecond?.()
      if (!other) throw new Error('this target has one entry only')
      entry = other
      first = all.api
      second = new Api(entry.url, entry.adminToken)
      await all.startAgentAnew()
    }, 60_000)
    afterAll(() => entry?.kill())
    const watch = (name: string) => Watched.begin(all.lab, name)

    test('accept one of two requests that cross for a guarded pair', async () => {
      const pair = await Promise.all(['PSERVER1', 'PSERVER2'].map(watch))
      const { id, server } = await onlyAccepted([
        first.ask('POST', '/v1/resets', { ...HARD, target: { server: 'PSERVER1' } }),
        second.ask('POST', '/v1/resets', { ...HARD, target: { server: 'PSERVER2' } }),
      ])
      moveTo(all.target)
      const end = await first.end(id)
      for (const machine of pair) {
        if ((await machine.now()).name === server) await expectFencedOnce(end, machine)
        else expect(await machine.bootEnded()).toBe(false)
      }
    })

    test('accept one of many requests for a server', async () => {
      const fifth = await watch('PSERVER5')
      // Nobody is there to carry it out, or it may have ended before the last of them is judged.
      all.relay.cut()
      const asks = Array.from({ length: 12 }, (_, index) =>
        (index % 2 === 0 ? first : second).ask('POST', '/v1/resets', HARD),
      )
      const { id } = await onlyAccepted(asks)
      moveTo(all.target)
      await expectFencedOnce(await first.end(id), fifth)
    })

    test('answer the same key with the same reset, which runs once', async () => {
      const fifth = await watch('PSERVER5')
      const views = await Promise.all(
        [first, second, first, second].map((api) => api.reset(HARD, 'both')),
      )
      const [id, ...others] = new Set(views.map((view) => view.id))
      expect(others).toEqual([])
      moveTo(all.target)
      await expectFencedOnce(await first.end(id ?? ''), fifth)
    })

    test('lose nothing that the one without a link accepts, nor send it twice', async () => {
      await all.startAgentAnew()
      const fifth = await watch('PSERVER5')
      const accepted = await second.reset(HARD)
      expect(accepted.detail).toContain(NO_AGENT)
      moveTo(entry)
      const end = await second.end(accepted.id)
      await expectFencedOnce(end, fifth)
      expect(await first.view(accepted.id)).toEqual(end)
    })

    // By the look that every hub takes at its silent links.
    if (LONG && targetName === 'node-postgres') {
      test('find what the other accepted even if no agent dials anew', async () => {
        moveTo(all.target)
        await all.startAgentAnew()
        const fifth = await watch('PSERVER5')
        const accepted = await second.reset(HARD)
        expect(accepted.detail).toContain(NO_AGENT)
        await expectFencedOnce(await first.end(accepted.id, 55_000), fifth)
        moveTo(entry)
        await all.startAgentAnew()
      })
    }

    test('lose nothing that one sends into a link that is dead, nor send it twice', async () => {
      // The second goes on believing in its link, and the agent is at the first.
      all.relay.stall()
      all.relay.leadTo(all.target.url)
      await all.startAgentAnew()
      const fifth = await watch('PSERVER5')
      const accepted = await second.reset(HARD)
      expect(accepted.detail).toBeNull()
      moveTo(all.target)
      await expectFencedOnce(await first.end(accepted.id), fifth)
    })

    test('need each other no more when one is gone', async () => {
      const fifth = await watch('PSERVER5')
      await entry.kill()
      const { id } = await first.reset(HARD)
      await expectFencedOnce(await first.end(id), fifth)
    })

    /** Breaks the agent's link, so that it dials anew, there. */
    function moveTo({ url }: { url: string }): void {
      all.relay.leadTo(url)
      all.relay.cut()
      all.relay.mend()
    }

    async function onlyAccepted(asks: ReturnType<Api['ask']>[]): Promise<ResetView> {
      const answers = await Promise.all(asks)
      const [accepted, ...refused] = answers.toSorted((a, b) => a.status - b.status)
      expect(accepted, accepted?.text).toMatchObject({ status: 202 })
      for (const answer of refused) expect(answer, answer.text).toMatchObject({ status: 409 })
      return accepted?.json as ResetView
    }
  })
}
