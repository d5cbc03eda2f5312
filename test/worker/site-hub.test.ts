import { eq } from 'drizzle-orm'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { orders } from '../../db/schema.ts'
import { PING_TEXT } from '../../protocol/link.ts'
import { Closing, until } from '../e2e/programs.ts'
import { siteFile } from '../edge/site.ts'
import { hardResetBodies, TestAgent } from '../edge/test-agent.ts'
import { findPostgres } from '../postgres.ts'
import { startWorkerPlane, type WorkerPlane } from './worker-plane.ts'

const SWEEP_CRON = '*/5 * * * *'
const TIDY_CRON = '17 * * * *'

describe.skipIf(findPostgres() === undefined)('the hub of a site as an object', () => {
  const closing = new Closing()
  let plane: WorkerPlane
  let sites = 0
  beforeAll(async () => {
    plane = await startWorkerPlane(closing)
  }, 60_000)
  afterAll(() => closing.run())

  const configured = async () => {
    const site = `site${++sites}`
    const agent = await TestAgent.enrolled(plane, site, 'HACON1')
    const applied = await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    expect(applied).toMatchObject({ status: 200, body: { result: 'completed' } })
    return agent
  }
  const connected = async () => {
    const agent = await configured()
    await agent.connect()
    await agent.next('site')
    return agent
  }
  const reset = (site: string, server = 'PSERVER1') =>
    plane.ask('/v1/resets', {
      method: 'POST',
      body: { site, target: { server }, reason: 'test' },
    })
  const taken = async (agent: TestAgent) => {
    const { order, token } = await agent.takeOrder()
    if (order.kind !== 'reset') throw new Error('no reset')
    return { order, bodies: hardResetBodies(order, token) }
  }
  const causes = (site: string) => plane.workerd.wakes(site).map(({ by }) => by)

  test('an order goes to the agent, and its report wakes whoever waits', async () => {
    const agent = await connected()
    expect(await reset(agent.site)).toMatchObject({ status: 202, body: { status: 'accepted' } })
    const { order, bodies } = await taken(agent)
    agent.send({ type: 'journalled', order: order.id })
    const waiting = plane.ask(`/v1/resets/${order.id}?wait=30`)
    await agent.tell(...bodies)
    const stored = performance.now()
    expect((await waiting).body).toMatchObject({ result: 'REBOOT', fenced: true })
    // Looking without being woken would take two seconds.
    expect(performance.now() - stored).toBeLessThan(1000)
  })

  test('a hub that sleeps answers pings, keeps its links and takes the rest of a ladder', async () => {
    const agent = await connected()
    await reset(agent.site)
    const { order, bodies } = await taken(agent)
    await agent.tell(...bodies.slice(0, 2))
    await plane.workerd.evict(agent.site)
    for (let pings = 0; pings < 3; pings += 1) {
      agent.send(PING_TEXT)
      expect(await agent.next('pong')).toEqual({ type: 'pong' })
    }
    expect(causes(agent.site)).toEqual(['request'])
    await agent.tell(...bodies.slice(2))
    expect(causes(agent.site)).toEqual(['request', 'message'])
    const { body } = await plane.ask(`/v1/resets/${order.id}`)
    expect(body).toMatchObject({ result: 'REBOOT', fenced: true })
    expect(agent.closedWith).toBeUndefined()
  })

  test('pings count as heard of after a sleep: the agent is shown as connected', async () => {
    const agent = await connected()
    await plane.workerd.evict(agent.site)
    agent.send(PING_TEXT)
    await agent.next('pong')
    const { body } = await plane.ask(`/v1/sites/${agent.site}/agents`)
    expect(body.items).toMatchObject([{ name: 'HACON1', connected: true }])
    agent.hangUp()
    await until('disconnected', 5000, async () => {
      const seen = await plane.ask(`/v1/sites/${agent.site}/agents`)
      return seen.body.items[0].connected === false
    })
  })

  test('an order that was accepted is sent when the agent comes, whatever became of the hub', async () => {
    const agent = await configured()
    const { body } = await reset(agent.site)
    expect(body.detail).toMatch(/no agent of this site is connected/)
    await plane.workerd.evict(agent.site)
    await agent.connect()
    const { order } = await agent.takeOrder()
    expect(order.id).toBe(body.id)
    await plane.workerd.kill()
    await plane.workerd.start()
    await agent.connect()
    expect((await agent.takeOrder()).order).toEqual(order)
  })

  test('the alarm settles an order that nobody was there for, after a crash too', async () => {
    const { site } = await configured()
    const { body: first } = await reset(site)
    await expireSoon(first.id)
    // Whatever is accepted next looks at the alarm anew.
    expect((await reset(site, 'PSERVER3')).status).toBe(202)
    await plane.workerd.kill()
    await plane.workerd.start()
    await until('settled', 20_000, () =>
      plane.database(async (db) => {
        const [row] = await db.select().from(orders).where(eq(orders.id, first.id))
        return row?.closed === true
      }),
    )
    expect(causes(site)).toContain('alarm')
    const { body } = await plane.ask(`/v1/resets/${first.id}`)
    expect(body).toMatchObject({ status: 'failed', code: 'order-expired', result: 'FAIL' })
  })

  test('the sweep lets a hub settle what its alarm missed, and the housekeeping runs', async () => {
    const { site } = await configured()
    const { body: accepted } = await reset(site)
    await expireSoon(accepted.id, -1)
    await plane.workerd.evict(site)
    await plane.workerd.trigger(SWEEP_CRON)
    await until('settled', 5000, async () => {
      const { body } = await plane.ask(`/v1/resets/${accepted.id}`)
      return body.code === 'order-expired'
    })
    expect(causes(site)).toContain('call')
    await plane.workerd.trigger(TIDY_CRON)
  })

  async function expireSoon(id: string, inMs = 1500): Promise<void> {
    const expiresAtMs = Date.now() + inMs
    await plane.database((db) => db.update(orders).set({ expiresAtMs }).where(eq(orders.id, id)))
  }
})
