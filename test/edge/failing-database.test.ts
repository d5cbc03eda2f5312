import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { siteFile } from './site.ts'
import { TestAgent } from './test-agent.ts'

describe.skipIf(findPostgres() === undefined)('a database that fails for a moment', () => {
  let plane: TestPlane
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())

  const sql = (...statements: string[]) =>
    plane.database(async (db) => {
      for (const statement of statements) await db.execute(statement)
    })

  test('between acceptance and sending does not keep the order from its agent', async () => {
    const site = 'moment'
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    const agent = await TestAgent.enrolled(plane, site, 'HACON1')
    await agent.connect()
    await agent.next('site')
    await sql(
      `create function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
      'create trigger failing before update on orders for each row execute function fail()',
    )
    const body = { site, target: { server: 'PSERVER1' }, reason: 'x' }
    const posted = await plane.ask('/v1/resets', { method: 'POST', body })
    expect(posted.status).toBe(500)
    await sql('drop trigger failing on orders')
    expect((await agent.takeOrder()).order).toMatchObject({ kind: 'reset', site })
  })
})
