// Resets that are asked for at the same time share a transaction; each is answered as if it were alone.
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane } from './control-plane.ts'
import { sealed, siteFile } from './site.ts'
import { TestAgent } from './test-agent.ts'

/** More than one transaction takes. */
const SERVERS = 80

function manyServers(name: string) {
  const file = siteFile(name)
  const servers = Array.from({ length: SERVERS }, (_, index) => ({
    name: `S${index}`,
    bmc: { protocol: 'ipmi', address: `192.168.2.${index + 1}`, username: 'a', password: sealed },
  }))
  return { ...file, spec: { ...file.spec, servers: [...file.spec.servers, ...servers] } }
}

describe.skipIf(findPostgres() === undefined)('resets asked for together', () => {
  let plane: TestPlane
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())

  const reset = (site: string, server: string, key: string) =>
    plane.ask('/v1/resets', {
      method: 'POST',
      body: { site, target: { server }, reason: 'r' },
      key,
    })

  test('each is stored, and reaches the agent as one order of its own', async () => {
    await plane.ask('/v1/sites/all', { method: 'PUT', body: manyServers('all') })
    const agent = await TestAgent.enrolled(plane, 'all', 'HACON1')
    await agent.connect()
    const names = Array.from({ length: SERVERS }, (_, index) => `S${index}`)
    const answers = await Promise.all(names.map((name) => reset('all', name, `k-${name}`)))
    expect(answers.map(({ status }) => status)).toEqual(names.map(() => 202))
    expect(answers.map(({ body }) => body.server)).toEqual(names)
    const sent: string[] = []
    for (const _ of names) {
      const { order } = await agent.takeOrder()
      if (order.kind === 'reset') sent.push(order.request.server)
    }
    expect(sent.sort()).toEqual([...names].sort())
    expect(agent.heard.filter(({ type }) => type === 'order')).toEqual([])
  })

  test('those that are refused fail alone', async () => {
    await plane.ask('/v1/sites/some', { method: 'PUT', body: manyServers('some') })
    const answers = await Promise.all(
      Array.from({ length: SERVERS }, (_, index) =>
        reset('some', index % 4 === 0 ? 'NOBODY' : `S${index}`, `some-${index}`),
      ),
    )
    for (const [index, { status, body }] of answers.entries()) {
      expect([status, body.code ?? body.server]).toEqual(
        index % 4 === 0 ? [404, 'unknown-server'] : [202, `S${index}`],
      )
    }
  })

  test('one key asked many times is one reset, and one server is opened by one key', async () => {
    await plane.ask('/v1/sites/same', { method: 'PUT', body: manyServers('same') })
    const again = await Promise.all(
      Array.from({ length: 20 }, () => reset('same', 'S1', 'one-key')),
    )
    expect(new Set(again.map(({ status, body }) => `${status} ${body.id}`)).size).toBe(1)
    expect(again[0]?.status).toBe(202)
    const rivals = await Promise.all(
      Array.from({ length: 20 }, (_, index) => reset('same', 'S2', `rival-${index}`)),
    )
    expect(rivals.filter(({ status }) => status === 202)).toHaveLength(1)
    expect(rivals.filter(({ body }) => body.code === 'reset-already-open')).toHaveLength(19)
    const { body } = await plane.ask('/v1/resets?site=same')
    expect(body.items).toHaveLength(2)
  })

  test('of two crossing resets of a guarded pair in one transaction one is refused', async () => {
    for (let round = 0; round < 10; round++) {
      const site = `pair${round}`
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: manyServers(site) })
      const answers = await Promise.all([
        // The first is under way while the pair gathers behind it.
        reset(site, 'S1', 'first'),
        reset(site, 'PSERVER1', 'a'),
        reset(site, 'PSERVER2', 'b'),
      ])
      const pair = answers.slice(1)
      expect(pair.map(({ status }) => status).sort()).toEqual([202, 409])
      expect(pair.find(({ status }) => status === 409)?.body.code).toBe('pair-guard')
    }
  })
})
