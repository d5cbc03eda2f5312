// Two control planes of one installation on one database: at an update, or because a platform started a hub
// anew while its predecessor still believes to be it.
import { beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import { Api } from '../../e2e/api.ts'
import { type Installation, Watched } from '../installation.ts'
import type { Entry } from '../targets.ts'
import { REBOOTED } from './timing.ts'

export function twoEntriesTests(on: () => Installation): void {
  describe('two entries', () => {
    let all: Installation
    let entry: Entry
    let second: Api
    beforeAll(async () => {
      all = on()
      const other = await all.target.startSecond?.()
      if (!other) throw new Error('this target has one entry only')
      entry = other
      second = new Api(entry.url, entry.adminToken)
      await all.startAgentAnew()
    }, 60_000)
    const watch = (name: string) => Watched.begin(all.lab, name)
    const HARD = { target: { server: 'PSERVER5' }, mode: 'hard' }
    const ask = (api: Api, content: object, key?: string) =>
      api.ask(
        'POST',
        '/v1/resets',
        { site: 'lab', reason: 'two entries', ...content },
        key === undefined ? {} : { key },
      )

    test('accept one of two requests that cross for a guarded pair', async () => {
      const pair = await Promise.all(['PSERVER1', 'PSERVER2'].map(watch))
      const answers = await Promise.all([
        ask(all.api, { target: { server: 'PSERVER1' }, mode: 'hard' }),
        ask(second, { target: { server: 'PSERVER2' }, mode: 'hard' }),
      ])
      expect(answers.map(({ status }) => status).sort()).toEqual([202, 409])
      await endAtEither(answers)
      const resets = await Promise.all(pair.map((machine) => machine.executed()))
      expect(resets.map(({ reset }) => reset).sort()).toEqual([0, 1])
    })

    test('answer the same key with the same reset, which runs once', async () => {
      const fifth = await watch('PSERVER5')
      const answers = await Promise.all(
        [all.api, second, all.api, second].map((api) => ask(api, HARD, 'both')),
      )
      expect(answers.map(({ status }) => status)).toEqual([202, 202, 202, 202])
      expect(new Set(answers.map(({ json }) => (json as ResetView).id)).size).toBe(1)
      await endAtEither(answers)
      expect((await fifth.executed()).reset).toBe(1)
    })

    test('accept one of many requests for a server', async () => {
      const fifth = await watch('PSERVER5')
      const answers = await Promise.all(
        Array.from({ length: 12 }, (_, index) => ask(index % 2 === 0 ? all.api : second, HARD)),
      )
      expect(answers.filter(({ status }) => status === 202)).toHaveLength(1)
      await endAtEither(answers)
      expect((await fifth.executed()).reset).toBe(1)
    })

    test('lose nothing that the one without a link accepts, nor send it twice', async () => {
      await all.startAgentAnew()
      const fifth = await watch('PSERVER5')
      const accepted = await second.reset(HARD)
      expect(accepted.detail).toContain('no agent of this site is connected')
      moveTo(entry)
      expect(await second.end(accepted.id)).toMatchObject(REBOOTED)
      expect(await all.api.view(accepted.id)).toMatchObject(REBOOTED)
      expect((await fifth.executed()).reset).toBe(1)
    })

    test('lose nothing that one sends into a link that is dead, nor send it twice', async () => {
      const { relay, target } = all
      // The second goes on believing in its link, and the agent is at the first.
      relay.stall()
      relay.leadTo(target.url)
      await all.startAgentAnew()
      const fifth = await watch('PSERVER5')
      const accepted = await second.reset(HARD)
      expect(accepted.detail).toBeNull()
      moveTo(target)
      expect(await all.api.end(accepted.id)).toMatchObject(REBOOTED)
      expect((await fifth.executed()).reset).toBe(1)
    })

    test('need each other no more when one is gone', async () => {
      const fifth = await watch('PSERVER5')
      await entry.kill()
      const { id } = await all.api.reset(HARD)
      expect(await all.api.end(id)).toMatchObject(REBOOTED)
      expect((await fifth.executed()).reset).toBe(1)
    })

    /** Breaks the agent's link, so that it dials anew, there. */
    function moveTo({ url }: { url: string }): void {
      all.relay.leadTo(url)
      all.relay.cut()
      all.relay.mend()
    }

    async function endAtEither(answers: { status: number; json: unknown }[]): Promise<void> {
      const accepted = answers.flatMap(({ status, json }) => (status === 202 ? [json] : []))
      const [{ id }] = accepted as [ResetView]
      // Whichever took it: the agent is at the first, and hears of it at its next hello.
      moveTo(all.target)
      expect(await all.api.end(id)).toMatchObject(REBOOTED)
    }
  })
}
