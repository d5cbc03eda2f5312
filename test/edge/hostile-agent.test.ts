// What an agent or a caller may put into text and numbers must never keep the reports or orders of a site back.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { resetId } from '../../protocol/reset-id.ts'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { siteFile } from './site.ts'
import { hardResetBodies, TestAgent } from './test-agent.ts'

describe.skipIf(findPostgres() === undefined)('a site with hostile text and records', () => {
  let plane: TestPlane
  let agent: TestAgent
  let site = ''
  let sites = 0
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())
  beforeEach(async () => {
    site = `hostile${++sites}`
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    agent = await TestAgent.enrolled(plane, site, 'HACON1')
  })

  const reset = (over: object = {}, key?: string) => {
    const body = { site, target: { server: 'PSERVER1' }, reason: 'x', ...over }
    return plane.ask('/v1/resets', { method: 'POST', body, ...(key ? { key } : {}) })
  }
  const resetOrder = async () => {
    const { order, token } = await agent.takeOrder()
    if (order.kind !== 'reset') throw new Error('not a reset')
    return { order, token }
  }

  test('a reason with NUL reaches the agent as it was given', async () => {
    const { status, body } = await reset({ reason: 'before\u0000after' })
    expect(status).toBe(202)
    await agent.connect()
    expect((await resetOrder()).order).toMatchObject({
      id: body.id,
      request: { reason: 'before\u0000after' },
    })
  })
  test('half a surrogate pair is refused by name wherever a body may hold text', async () => {
    const half = '\ud800'
    for (const over of [
      { reason: half },
      { target: { server: half } },
      { target: { system: 10001, cluster: half } },
    ]) {
      const { status, body } = await reset(over)
      expect([status, body.code]).toEqual([400, 'invalid-request'])
    }
    const path = `/v1/sites/${site}/servers/PSERVER1/tests/pdu`
    const { status, body } = await plane.ask(path, {
      method: 'POST',
      body: { mode: 'serial', pdu: half },
    })
    expect([status, body.code]).toEqual([400, 'invalid-request'])
  })

  test('a completion that an agent dates far ahead does not keep its partner from being reset', async () => {
    await agent.connect()
    await reset()
    const { order, token } = await resetOrder()
    const future = { at: '2099-01-01T00:00:00.000000Z' }
    const records = agent.write(
      ...hardResetBodies(order, token).map((body) => ({ ...body, ...future })),
    )
    await agent.report(records)
    expect((await plane.ask(`/v1/resets/${order.id}`)).body).toMatchObject({ fenced: true })
    expect((await reset({ target: { server: 'PSERVER2' } })).status).toBe(202)
  })

  test('what the agent of another site reports never answers a key of this one', async () => {
    const stranger = `stranger${sites}`
    await plane.ask(`/v1/sites/${stranger}`, { method: 'PUT', body: siteFile(stranger) })
    const liar = await TestAgent.enrolled(plane, stranger, 'HACON1')
    await agent.connect()
    await reset({}, 'model')
    const { order, token } = await resetOrder()
    const id = resetId(site, 'guessable')
    await liar.connect()
    await liar.tell(...hardResetBodies({ ...order, id }, token))
    const answer = await reset({}, 'guessable')
    expect([answer.status, answer.body.code]).toEqual([422, 'idempotency-key-reused'])
  })
})
