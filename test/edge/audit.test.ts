import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { verifyAudit } from '../../protocol/audit.ts'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane, until } from './control-plane.ts'
import { siteFile } from './site.ts'
import { hardResetBodies, TestAgent } from './test-agent.ts'

describe.skipIf(findPostgres() === undefined)('audit and events', () => {
  let plane: TestPlane
  let agent: TestAgent
  beforeAll(async () => {
    plane = await startTestPlane()
    await plane.ask('/v1/sites/lab', { method: 'PUT', body: siteFile() })
    agent = await TestAgent.enrolled(plane, 'lab', 'HACON1')
    await agent.connect()
    await agent.tell({ kind: 'started', version: 'test', bootId: 'boot' })
    for (const server of ['PSERVER1', 'PSERVER3']) {
      const body = { site: 'lab', target: { server }, reason: 'audit' }
      await plane.ask('/v1/resets', { method: 'POST', body })
      const { order, token } = await agent.takeOrder()
      if (order.kind !== 'reset') throw new Error('not a reset')
      await agent.tell(...hardResetBodies(order, token))
    }
  }, 60_000)
  afterAll(() => plane.stop())

  test('the export proves itself: keys, chains and heads are in it', async () => {
    const { type, body } = await plane.ask('/v1/audit?site=lab')
    expect(type).toBe('application/x-ndjson')
    const report = await verifyAudit(body.split('\n'))
    expect(report.agents[0]?.firstFault).toBeNull()
    expect(report).toMatchObject({ whole: true, agents: [{ agent: 'HACON1', records: 13 }] })
    expect(report.agents[0]?.keys).toEqual([agent.key.kid])
  })

  test('one altered character breaks the proof', async () => {
    const { body } = await plane.ask('/v1/audit?site=lab')
    const altered = body.replace('"reason":"audit"', '"reason":"audiT"')
    expect(altered).not.toBe(body)
    expect((await verifyAudit(altered.split('\n'))).whole).toBe(false)
  })

  test('an export goes on after a sequence, and can be of one server', async () => {
    const records = async (query: string) => {
      const { body } = await plane.ask(`/v1/audit?site=lab${query}`)
      return body
        .split('\n')
        .filter((line: string) => line.includes('"type":"record"'))
        .map((line: string) => JSON.parse(line).record)
    }
    expect((await records('&after=10')).map(({ seq }: { seq: number }) => seq)).toEqual([
      11, 12, 13,
    ])
    expect(await records('&server=PSERVER3')).toHaveLength(6)
    expect(await records('&to=2020-01-01T00:00:00Z')).toEqual([])
    expect(await records('&from=2020-01-01T00:00:00.5Z')).toHaveLength(13)
  })

  test('the reset log is text, in the zone asked for', async () => {
    const { type, body } = await plane.ask('/v1/audit?site=lab&format=resetlog&tz=Asia/Tokyo')
    expect(type).toBe('text/plain; charset=utf-8')
    const lines = body.trimEnd().split('\n')
    expect(lines[0]).toMatch(
      /^\[\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d:\d{6}\] RM-RESET PSERVER1 10001 RECV /,
    )
    expect(lines.some((line: string) => line.includes('HARDRESET PSERVER3 10001 SEND'))).toBe(true)
    const bad = await plane.ask('/v1/audit?site=lab&format=resetlog&tz=Mars')
    expect([bad.status, bad.body.code]).toEqual([400, 'invalid-request'])
  })

  test('the audit of another site is not there', async () => {
    const stranger = await plane.token({ name: 's', scope: 'read', site: 'elsewhere' })
    const answer = await plane.ask('/v1/audit?site=lab', { token: stranger })
    expect([answer.status, answer.body.code]).toEqual([404, 'unknown-site'])
    expect((await plane.ask('/v1/audit')).status).toBe(400)
    expect((await plane.ask('/v1/audit?site=lab&from=yesterday')).status).toBe(400)
  })

  test('events arrive as they happen, and a reader that comes back misses none', async () => {
    const stream = await listen({})
    await until('connected', () => stream.text().includes(': connected'))
    await plane.ask('/v1/sites/other', { method: 'PUT', body: siteFile('other') })
    await until('event', () => stream.text().includes('event: site'))
    const id = Number(/^id: (\d+)$/m.exec(stream.text())?.[1])
    stream.close()
    const again = await listen({ 'last-event-id': String(id - 1) })
    await until('the same event', () => again.text().includes(`id: ${id}\n`))
    again.close()
    const payload = JSON.parse(/^data: (.*)$/m.exec(again.text())?.[1] ?? '')
    expect(payload).toMatchObject({ id, type: 'site', site: 'other', payload: { revision: 1 } })
  })

  test('a reader of one site hears of that site only', async () => {
    const token = await plane.token({ name: 'lab', scope: 'read', site: 'lab' })
    const stream = await listen({ 'last-event-id': '0', authorization: `Bearer ${token}` })
    await until('events', () => stream.text().includes('"type":"reset"'))
    stream.close()
    expect(stream.text()).not.toContain('"site":"other"')
    const other = await plane.ask('/v1/events?site=other', { token })
    expect([other.status, other.body.code]).toEqual([404, 'unknown-site'])
  })

  async function listen(headers: Record<string, string>) {
    const controller = new AbortController()
    const response = await fetch(`${plane.url}/v1/events`, {
      headers: { authorization: `Bearer ${plane.admin}`, ...headers },
      signal: controller.signal,
    })
    expect(response.headers.get('content-type')).toContain('text/event-stream')
    let heard = ''
    const read = async () => {
      for await (const chunk of response.body ?? []) heard += Buffer.from(chunk).toString()
    }
    read().catch(() => {})
    return { text: () => heard, close: () => controller.abort() }
  }
})
