// An agent enrolled in the place of another remembers nothing of what that one did: the two must never run
// one order twice.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { siteFile } from './site.ts'
import { makeKeys, TestAgent } from './test-agent.ts'

describe.skipIf(findPostgres() === undefined)('an agent in the place of another', () => {
  let plane: TestPlane
  let old: TestAgent
  let site = ''
  let sites = 0
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())
  beforeEach(async () => {
    site = `replaced${++sites}`
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
    agent.send({ type: 'ping' })
    await agent.next('pong')
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

  test('does not keep an order of its predecessor from turning unknown', async () => {
    const { body } = await reset('PSERVER1')
    await old.takeOrder()
    const fresh = await TestAgent.enrolled(plane, site, 'HACON1')
    await plane.database((db) =>
      db.execute(`update orders set overdue_at_ms = 1 where site = '${site}'`),
    )
    await fresh.connect()
    await reset('PSERVER3')
    await expect
      .poll(async () => (await plane.ask(`/v1/resets/${body.id}`)).body.status, { timeout: 20_000 })
      .toBe('unknown')
  })

  test('gets every new order from then on, though the old link is still up', async () => {
    const fresh = await TestAgent.enrolled(plane, site, 'HACON1')
    const { body } = await reset('PSERVER1')
    expect(await hears(old)).not.toContain('order')
    await fresh.connect()
    expect((await fresh.takeOrder()).order.id).toBe(body.id)
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
