// A hub that its platform throws out of memory, as it does with every hub that nothing happens to.
import { beforeAll, describe, expect, test } from 'vitest'
import { type Installation, Watched } from '../installation.ts'
import { expectFencedOnce, expectOnTime, REBOOTED } from './timing.ts'

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
      const { agents } = await all.api.status()
      expect(agents).toMatchObject([{ name: 'HACON1', connected: true }])
      await evict()
      const { id } = await all.api.reset({ target: { server: 'PSERVER5' }, mode: 'hard' })
      await expectFencedOnce(await all.api.end(id), fifth)
      expect(linkLines()).toBe(before)
    })

    test('in the middle of a ladder delays nothing and loses nothing', async () => {
      const sixth = await watch('PSERVER6')
      const before = linkLines()
      const six = await all.api.reset({ target: { server: 'PSERVER6' } }, 'asleep')
      for (let times = 0; times < 3; times += 1) await evict()
      expectOnTime(await sixth.hardReset(), six)
      await evict()
      expect(await all.api.end(six.id)).toMatchObject(REBOOTED)
      expect(await sixth.executed()).toMatchObject({ nmi: 1, reset: 1, off: 0 })
      const again = await all.api.reset({ target: { server: 'PSERVER6' } }, 'asleep')
      expect(again).toMatchObject({ id: six.id, status: 'complete' })
      expect(linkLines()).toBe(before)
    })

    test('wakes whoever waits for a reset when it is decided', async () => {
      const { id } = await all.api.reset({ target: { server: 'PSERVER5' }, mode: 'hard' })
      const waiting = all.api.view(id, 30)
      await evict()
      expect(await waiting).toMatchObject({ fenced: true })
      await all.api.end(id)
    })
  })
}
