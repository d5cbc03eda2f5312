import { beforeAll, describe, expect, test } from 'vitest'
import { verifyAudit } from '../../../protocol/audit.ts'
import { until } from '../../edge/control-plane.ts'
import { siteFile } from '../../edge/site.ts'
import { hardResetBodies, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'

export function auditTests(on: () => Target): void {
  describe('audit and events', () => {
    let plane: Plane
    let agent: TestAgent
    beforeAll(async () => {
      plane = planeAt(on().url, on().adminToken)
      await plane.ask('/v1/sites/audited', { method: 'PUT', body: siteFile('audited') })
      agent = await TestAgent.enrolled(plane, 'audited', 'HACON1')
      await agent.connect()
      await agent.tell({ kind: 'started', version: 'test', bootId: 'boot' })
      for (const server of ['PSERVER1', 'PSERVER3']) {
        const body = { site: 'audited', target: { server }, reason: 'audit' }
        await plane.ask('/v1/resets', { method: 'POST', body })
        const { order, token } = await agent.takeOrder()
        if (order.kind !== 'reset') throw new Error('not a reset')
        await agent.tell(...hardResetBodies(order, token))
      }
    }, 60_000)

    test('the export proves itself: keys, chains and heads are in it', async () => {
      const { type, body } = await plane.ask('/v1/audit?site=audited')
      expect(type).toBe('application/x-ndjson')
      const report = await verifyAudit(body.split('\n'))
      expect(report.agents[0]?.firstFault).toBeNull()
      expect(report).toMatchObject({ whole: true, agents: [{ agent: 'HACON1', records: 13 }] })
      expect(report.agents[0]?.keys).toEqual([agent.key.kid])
    })

    test('one altered character breaks the proof', async () => {
      const { body } = await plane.ask('/v1/audit?site=audited')
      const altered = body.replace('"reason":"audit"', '"reason":"audiT"')
      expect(altered).not.toBe(body)
      expect((await verifyAudit(altered.split('\n'))).whole).toBe(false)
    })

    test('an export goes on after a sequence, and can be of one server', async () => {
      const records = async (query: string) => {
        const { body } = await plane.ask(`/v1/audit?site=audited${query}`)
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
      const { type, body } = await plane.ask('/v1/audit?site=audited&format=resetlog&tz=Asia/Tokyo')
      expect(type).toBe('text/plain; charset=utf-8')
      const lines = body.trimEnd().split('\n')
      expect(lines[0]).toMatch(
        /^\[\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d:\d{6}\] RM-RESET PSERVER1 10001 RECV /,
      )
      expect(lines.some((line: string) => line.includes('HARDRESET PSERVER3 10001 SEND'))).toBe(
        true,
      )
      const bad = await plane.ask('/v1/audit?site=audited&format=resetlog&tz=Mars')
      expect([bad.status, bad.body.code]).toEqual([400, 'invalid-request'])
    })

    test('the audit of another site is not there', async () => {
      const stranger = await plane.token({ name: 's', scope: 'read', site: 'elsewhere' })
      const answer = await plane.ask('/v1/audit?site=audited', { token: stranger })
      expect([answer.status, answer.body.code]).toEqual([404, 'unknown-site'])
      expect((await plane.ask('/v1/audit')).status).toBe(400)
      expect((await plane.ask('/v1/audit?site=audited&from=yesterday')).status).toBe(400)
    })

    test('events arrive as they happen, and a reader that comes back misses none', async () => {
      const stream = await listen({})
      await until('connected', () => stream.text().includes(': connected'))
      await plane.ask('/v1/sites/heard', { method: 'PUT', body: siteFile('heard') })
      await until('event', () => stream.text().includes('event: site'))
      const id = Number(/^id: (\d+)$/m.exec(stream.text())?.[1])
      stream.close()
      const again = await listen({ 'last-event-id': String(id - 1) })
      await until('the same event', () => again.text().includes(`id: ${id}\n`))
      again.close()
      const payload = JSON.parse(/^data: (.*)$/m.exec(again.text())?.[1] ?? '')
      expect(payload).toMatchObject({ id, type: 'site', site: 'heard', payload: { revision: 1 } })
    })

    test('a reader of one site hears of that site only', async () => {
      const token = await plane.token({ name: 'lab', scope: 'read', site: 'audited' })
      const stream = await listen({ 'last-event-id': '0', authorization: `Bearer ${token}` })
      await until('events', () => stream.text().includes('"type":"reset"'))
      stream.close()
      expect(stream.text()).not.toContain('"site":"heard"')
      const other = await plane.ask('/v1/events?site=heard', { token })
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
}
