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

  async function connected(site: string): Promise<TestAgent> {
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    const agent = await TestAgent.enrolled(plane, site, 'HACON1')
    await agent.connect()
    await agent.next('site')
    return agent
  }

  const failUpdates = () =>
    sql(
      `create or replace function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
      'create trigger failing before update on orders for each row execute function fail()',
    )

  test('between acceptance and sending does not keep the order from its agent', async () => {
    const site = 'moment'
    const agent = await connected(site)
    await failUpdates()
    const posted = await plane.ask(`/v1/sites/${site}/servers/PSERVER1/restore`, { method: 'POST' })
    expect(posted.status).toBe(500)
    await sql('drop trigger failing on orders')
    expect((await agent.takeOrder()).order).toMatchObject({ kind: 'restore', site })
  })

  test('while a reset is stored leaves nothing of it, and the next one is as good as ever', async () => {
    const site = 'storing'
    const agent = await connected(site)
    await sql(
      `create or replace function fail() returns trigger language plpgsql as $$ begin raise 'no'; end $$`,
      'create constraint trigger failing after insert on orders for each row execute function fail()',
    )
    const body = { site, target: { server: 'PSERVER1' }, reason: 'x' }
    expect((await plane.ask('/v1/resets', { method: 'POST', body })).status).toBe(500)
    await sql('drop trigger failing on orders')
    expect((await plane.ask(`/v1/resets?site=${site}`)).body.items).toEqual([])
    expect((await plane.ask('/v1/resets', { method: 'POST', body })).status).toBe(202)
    await agent.takeOrder()
    expect(agent.heard.filter(({ type }) => type === 'order')).toEqual([])
  })

  test('after the acceptance of a reset is not asked before the order leaves', async () => {
    const site = 'after'
    const agent = await connected(site)
    await failUpdates()
    const body = { site, target: { server: 'PSERVER1' }, reason: 'x' }
    const posted = await plane.ask('/v1/resets', { method: 'POST', body })
    expect(posted.status).toBe(202)
    expect((await agent.takeOrder()).order).toMatchObject({ kind: 'reset', site })
    await sql('drop trigger failing on orders')
  })
})
