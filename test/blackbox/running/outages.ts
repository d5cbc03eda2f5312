// What may fail around a ladder that runs: the control plane, the agent, the way between them.
import { beforeAll, describe, expect, test } from 'vitest'
import { until } from '../../e2e/programs.ts'
import { type Installation, Watched } from '../installation.ts'
import { expectFencedOnce, expectOnTime, REBOOTED } from './timing.ts'

export function outageTests(on: () => Installation): void {
  describe('an outage', () => {
    let all: Installation
    beforeAll(() => {
      all = on()
    })
    const watch = (name: string) => Watched.begin(all.lab, name)

    test('of the control plane, killed right after its 202, delays no ladder and loses no record', async () => {
      const { api, target } = all
      const servers = ['PSERVER1', 'PSERVER6']
      await all.lab.oracle.breakServer('PSERVER1', { noKdump: true })
      const machines = await Promise.all(servers.map(watch))
      const ask = (server: string) => api.reset({ target: { server } }, `killed-${server}`)
      const accepted = await Promise.all(servers.map(ask))
      await target.kill()
      for (const [index, machine] of machines.entries()) {
        const reset = accepted[index]
        if (reset) expectOnTime(await machine.hardReset(), reset)
      }
      await target.start()
      for (const [index, { id, server }] of accepted.entries()) {
        expect(await api.end(id)).toMatchObject(REBOOTED)
        expect(await machines[index]?.executed()).toMatchObject({ reset: 1, off: 0, cycle: 0 })
        expect(await ask(server)).toMatchObject({ id, status: 'complete' })
      }
    })

    test('of the link delays no ladder; what was asked meanwhile is done once the link is back', async () => {
      const { api, relay } = all
      const [fifth, sixth] = await Promise.all([watch('PSERVER5'), watch('PSERVER6')])
      const six = await api.reset({ target: { server: 'PSERVER6' } })
      relay.cut()
      await until('the cut is seen', 10_000, async () => {
        const { agents } = await api.status()
        return agents.every(({ connected }) => !connected)
      })
      const five = await api.reset({ target: { server: 'PSERVER5' }, mode: 'hard' })
      expect(five.detail).toContain('no agent of this site is connected')
      expectOnTime(await sixth.hardReset(), six)
      expect((await fifth.executed()).reset).toBe(0)
      relay.mend()
      expect(await api.end(six.id)).toMatchObject(REBOOTED)
      await expectFencedOnce(await api.end(five.id), fifth)
      expect(await sixth.executed()).toMatchObject({ nmi: 1, reset: 1 })
    })

    test('of the agent ends as the journal stands, with no effect twice', async () => {
      const { agent, api } = all
      const [third, sixth] = await Promise.all([watch('PSERVER3'), watch('PSERVER6')])
      const earlier = (await all.lab.oracle.ordersTo('pdu-a', 5)).length
      const six = await api.reset({ target: { server: 'PSERVER6' } })
      const three = await api.reset({ target: { server: 'PSERVER3' }, mode: 'pdu' })
      await until('both are under way', 2000, async () => {
        const { railVolts } = await third.now()
        return railVolts === 0 && (await sixth.executed()).nmi === 1
      })
      await agent.program.kill()
      agent.start()
      expect(await api.end(six.id)).toMatchObject(REBOOTED)
      expect(await api.end(three.id)).toMatchObject({ result: 'POFF', grade: 'confirmed' })
      expect(await sixth.executed()).toMatchObject({ nmi: 1, reset: 1 })
      const orders = (await all.lab.oracle.ordersTo('pdu-a', 5)).slice(earlier)
      expect(orders.map(({ to }) => to)).not.toContain('on')
      expect((await third.now()).railVolts).toBe(0)
    })

    test('between the commit and the sending loses no order, and it is sent once', async () => {
      const { agent, api, target } = all
      await agent.program.kill()
      const fifth = await watch('PSERVER5')
      const ask = { target: { server: 'PSERVER5' }, mode: 'hard' }
      const accepted = await api.reset(ask, 'unsent')
      await target.kill()
      await target.start()
      expect(await api.view(accepted.id)).toMatchObject({ status: 'accepted' })
      agent.start()
      await expectFencedOnce(await api.end(accepted.id), fifth)
      expect((await api.reset(ask, 'unsent')).id).toBe(accepted.id)
    })
  })
}
