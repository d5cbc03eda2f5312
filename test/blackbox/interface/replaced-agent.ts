// An agent enrolled in the place of another remembers nothing of what that one did: the two must never run
// one order twice.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { siteFile } from '../../edge/site.ts'
import { makeKeys, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

export function replacedAgentTests(on: () => Target): void {
  describe('an agent in the place of another', () => {
    let plane: Plane
    let old: TestAgent
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
      old = await TestAgent.enrolled(plane, site, 'HACON1')
      await old.connect()
      await old.next('site')
    })

    const reset = (server: string) => {
      const body = { site, target: { server }, reason: 'x' }
      return plane.ask('/v1/resets', { method: 'POST', body })
    }
    const hears = async (agent: TestAgent) => {
      await agent.tell({ kind: 'configured', revision: 1, detail: '' })
      return agent.heard.map(({ type }) => type)
    }

    test('is not sent an order that its predecessor may have run', async () => {
      const { body } = await reset('PSERVER1')
      expect((await old.takeOrder()).order.id).toBe(body.id)
      const fresh = await TestAgent.enrolled(plane, site, 'HACON1')
      await fresh.connect()
      expect(await hears(fresh)).not.toContain('order')
      const other = await reset('PSERVER3')
      expect((await fresh.takeOrder()).order.id).toBe(other.body.id)
    })

    test('gets every new order from then on, though the old link is still up', async () => {
      const fresh = await TestAgent.enrolled(plane, site, 'HACON1')
      const { body } = await reset('PSERVER1')
      await fresh.connect()
      expect((await fresh.takeOrder()).order.id).toBe(body.id)
      expect(old.heard.map(({ type }) => type)).not.toContain('order')
    })

    test('keeps its place when the used token of the old one comes again', async () => {
      const offer = () =>
        plane.ask(`/v1/sites/${site}/enrolments`, { method: 'POST', body: { name: 'HACON1' } })
      const first = (await offer()).body.token
      const predecessor = new TestAgent(plane, { site, name: 'HACON1' }, await makeKeys())
      expect((await predecessor.enrol(first)).status).toBe(200)
      const fresh = await TestAgent.enrolled(plane, site, 'HACON1')
      const replayed = await predecessor.enrol(first)
      expect([replayed.status, replayed.body.code]).toEqual([403, 'enrolment-refused'])
      expect(await fresh.connect()).toMatchObject({ received: 0 })
    })
  })
}
