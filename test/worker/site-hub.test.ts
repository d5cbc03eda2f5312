import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Closing } from '../e2e/programs.ts'
import { siteFile } from '../edge/site.ts'
import { hardResetBodies, TestAgent } from '../edge/test-agent.ts'
import { findPostgres } from '../postgres.ts'
import { startWorkerPlane, type WorkerPlane } from './worker-plane.ts'

describe.skipIf(findPostgres() === undefined)('the hub of a site as an object', () => {
  const closing = new Closing()
  let plane: WorkerPlane
  let sites = 0
  beforeAll(async () => {
    plane = await startWorkerPlane(closing)
  }, 60_000)
  afterAll(() => closing.run())

  const connected = async () => {
    const site = `site${++sites}`
    const agent = await TestAgent.enrolled(plane, site, 'HACON1')
    await agent.connect()
    const applied = await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    expect(applied).toMatchObject({ status: 200, body: { result: 'completed' } })
    await agent.next('site')
    return agent
  }
  const reset = (site: string, server = 'PSERVER1') =>
    plane.ask('/v1/resets', {
      method: 'POST',
      body: { site, target: { server }, reason: 'test' },
    })

  test('an order goes to the agent, and its report wakes whoever waits', async () => {
    const agent = await connected()
    const accepted = await reset(agent.site)
    expect(accepted).toMatchObject({ status: 202, body: { status: 'accepted' } })
    const { order, token } = await agent.takeOrder()
    if (order.kind !== 'reset') throw new Error('no reset')
    agent.send({ type: 'journalled', order: order.id })
    const waiting = plane.ask(`/v1/resets/${order.id}?wait=30`)
    const from = performance.now()
    await agent.tell(...hardResetBodies(order, token))
    expect(await waiting).toMatchObject({ status: 200, body: { result: 'REBOOT' } })
    expect(performance.now() - from).toBeLessThan(1500)
  })

  test('a hub that was put to sleep has its links, and takes the rest of a ladder', async () => {
    const agent = await connected()
    await reset(agent.site)
    const { order, token } = await agent.takeOrder()
    if (order.kind !== 'reset') throw new Error('no reset')
    const bodies = hardResetBodies(order, token)
    await agent.tell(...bodies.slice(0, 2))
    await plane.workerd.evict(agent.site)
    await agent.tell(...bodies.slice(2))
    const { body } = await plane.ask(`/v1/resets/${order.id}`)
    expect(body).toMatchObject({ result: 'REBOOT', fenced: true })
    expect(agent.closedWith).toBeUndefined()
    expect(plane.workerd.wakes(agent.site).map(({ by }) => by)).toEqual(['request', 'message'])
  })

  test('after a crash the agent comes back to the hub, and gets what it has not taken', async () => {
    const agent = await connected()
    await reset(agent.site)
    const { order } = await agent.takeOrder()
    await plane.workerd.kill()
    await plane.workerd.start()
    await agent.connect()
    expect((await agent.takeOrder()).order).toEqual(order)
    const { body } = await plane.ask(`/v1/resets/${order.id}`)
    expect(body.status).toBe('accepted')
  })
})
