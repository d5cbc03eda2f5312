// An agent enrolled in the place of another remembers nothing of what that one did: the two must never run
// one order twice.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { siteFile } from './site.ts'
import { TestAgent } from './test-agent.ts'

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
})
