// A hub that its platform throws out of memory, as it does with every hub that nothing happens to.
import { beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../e2e/programs.ts'
import { type Installation, Watched } from '../installation.ts'
import { expectFencedOnce } from './timing.ts'

/** Of PSERVER1 in the demonstration. */
const RECOVERY_WAIT_MS = 10_000
/** What switching and looking take on a busy machine. */
const LATE_MS = 5000

export function evictionTests(on: () => Installation): void {
  describe('a hub that is put to sleep', () => {
    let all: Installation
    let evict: () => Promise<void>
    beforeAll(async () => {
      all = on()
      evict = async () => await all.target.evict?.('lab')
      if (!all.target.evict) throw new Error('this target puts no hub to sleep')
      await all.startAgentAnew()
    })
    const watch = (name: string) => Watched.begin(all.lab, name)
    /** One line for each time that the agent lost or made its link. */
    const linkLines = () => all.agent.program.output.match(/link \w+/g)?.length

    test('keeps the link of its agent, and an order reaches it at once', async () => {
      const fifth = await watch('PSERVER5')
      const before = linkLines()
      await evict()
      const { id } = await all.api.reset({ target: { server: 'PSERVER5' }, mode: 'hard' })
      await expectFencedOnce(await all.api.end(id), fifth)
      expect(linkLines()).toBe(before)
    })

    // A hub stays awake for some seconds after it used its database: longer than the timer of a hard reset.
    test('in the middle of a ladder delays nothing and loses nothing', async () => {
      const first = await watch('PSERVER1')
      const before = linkLines()
      const ask = { target: { server: 'PSERVER1' }, mode: 'pdu' }
      const { id } = await all.api.reset(ask, 'asleep')
      const { fencedAt } = await all.api.view(id, 30)
      await evict()
      expect((await first.now()).railVolts).toBe(0)
      await until('the outlets are on', 15_000, async () => (await first.now()).railVolts > 0)
      const waitedMs = Date.now() - Date.parse(fencedAt ?? '')
      expect(waitedMs).toBeGreaterThanOrEqual(RECOVERY_WAIT_MS)
      expect(waitedMs).toBeLessThan(RECOVERY_WAIT_MS + LATE_MS)
      const end = await all.api.end(id)
      expect(end).toMatchObject({ result: 'POFF', fenced: true, recovery: 'restored', fencedAt })
      expect(await all.api.reset(ask, 'asleep')).toMatchObject({ id, status: 'complete' })
      expect(linkLines()).toBe(before)
    })
  })
}
