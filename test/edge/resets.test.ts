// What only a look behind the API can bring about; the rest of resets is tested from outside, in test/blackbox.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { siteFile } from './site.ts'
import { hardResetBodies, TestAgent } from './test-agent.ts'

describe.skipIf(findPostgres() === undefined)('resets', () => {
  let plane: TestPlane
  let sites = 0
  let site = ''
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())
  beforeEach(async () => {
    site = `site${++sites}`
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
  })

  const ask = (over: object, key: string) => {
    const body = { site, target: { server: 'PSERVER1' }, reason: 'no heartbeat', ...over }
    return plane.ask('/v1/resets', { method: 'POST', body, key })
  }
  const connected = async () => {
    const agent = await TestAgent.enrolled(plane, site, 'HACON1')
    await agent.connect()
    await agent.next('site')
    return agent
  }
  const resetOrder = async (agent: TestAgent) => {
    const { order, token } = await agent.takeOrder()
    if (order.kind !== 'reset') throw new Error('not a reset')
    return { order, token }
  }

  test('a key answers for ten minutes after the end and never again', async () => {
    const agent = await connected()
    await ask({}, 'old')
    const { order, token } = await resetOrder(agent)
    await agent.tell(...hardResetBodies(order, token))
    expect((await ask({}, 'old')).body).toMatchObject({ status: 'complete' })
    const shift = (ms: number) =>
      plane.database((db) =>
        db.execute(
          `update resets set end_known_at_ms = end_known_at_ms - ${ms} where id = '${order.id}'`,
        ),
      )
    await shift(590_000)
    expect((await ask({}, 'old')).status).toBe(202)
    await shift(10_000)
    const expired = await ask({}, 'old')
    expect([expired.status, expired.body.code]).toEqual([409, 'key-expired'])
  })

  test('a reset whose row was lost is made again from the records', async () => {
    const agent = await connected()
    const { body } = await ask({}, 'lost')
    const { order, token } = await resetOrder(agent)
    await plane.database(async (db) => {
      await db.execute(`delete from resets where id = '${body.id}'`)
      await db.execute(`delete from orders where id = '${body.id}'`)
    })
    await agent.tell(...hardResetBodies(order, token))
    expect((await plane.ask(`/v1/resets/${body.id}`)).body).toMatchObject({
      status: 'complete',
      result: 'REBOOT',
      reason: 'no heartbeat',
    })
    expect((await ask({}, 'lost')).body).toMatchObject({ id: body.id, status: 'complete' })
    const other = await ask({ target: { server: 'PSERVER3' } }, 'lost')
    expect(other.body.code).toBe('idempotency-key-reused')
  })
})
