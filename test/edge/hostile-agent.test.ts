// What an agent or a caller may put into text and numbers must never keep the reports or orders of a site back.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { siteFile } from './site.ts'
import { TestAgent } from './test-agent.ts'

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
})
