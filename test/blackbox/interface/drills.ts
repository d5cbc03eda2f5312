import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Order } from '../../../protocol/order.ts'
import type { Body } from '../../../protocol/report.ts'
import { siteFile } from '../../edge/site.ts'
import { MONO, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

function operationBody(order: Exclude<Order, { kind: 'reset' }>, token: string): Body {
  const { id, kind, target, requestedBy } = order
  return {
    kind: 'operation',
    order: id,
    operation: kind,
    target,
    ...(order.kind === 'soft-reset-test' ? { system: order.system } : {}),
    feeds: order.kind === 'soft-reset-test' ? [] : order.feeds,
    ...(order.kind === 'pdu-test' ? { test: order.test } : {}),
    requestedBy,
    token,
    mono: MONO,
  }
}

export function drillTests(on: () => Target): void {
  describe('tests', () => {
    let plane: Plane
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
      const file = siteFile(site)
      file.spec.servers[0]?.feeds?.push({ pdu: 'pdu-a', outlet: 9 })
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: file })
    })

    const ask = (path: string, body: unknown, options: { key?: string; token?: string } = {}) =>
      plane.ask(`/v1/sites/${site}/${path}`, { method: 'POST', body, ...options })
    const pdu = (body: unknown, server = 'PSERVER1') => ask(`servers/${server}/tests/pdu`, body)
    const soft = (body: unknown, server = 'PSERVER1') =>
      ask(`servers/${server}/tests/soft-reset`, body)

    test('a PDU test goes to the agent with its defaults, and ends with what each cut showed', async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      const { status, body, headers } = await pdu({ mode: 'serial' })
      expect(status).toBe(202)
      expect(body).toMatchObject({
        operation: 'pdu-test',
        status: 'running',
        test: { mode: 'serial', offTimeMs: 5000, waitTimeMs: 5000, leaveUp: false },
        warnings: [],
      })
      const path = `/v1/sites/${site}/servers/PSERVER1/tests/${body.id}`
      expect(headers.get('location')).toBe(path)
      const { order, token } = await agent.takeOrder()
      if (order.kind !== 'pdu-test') throw new Error(order.kind)
      expect(order.feeds).toHaveLength(2)
      const waiting = plane.ask(`${path}?wait=30`)
      const lostAt = '2026-11-20T00:00:00.000000Z'
      const loss = { server: 'PSERVER2', sensor: 0x51, what: 'input lost', lostAt }
      const feeds = [{ pdu: 'pdu-a', outlet: 3, verdict: 'mis-cabled' as const, loss }]
      await agent.tell(operationBody(order, token), {
        kind: 'operation-ended',
        order: order.id,
        status: 'failed',
        code: 'mis-cabled',
        detail: 'why',
        feeds,
        wiringProven: false,
      })
      expect((await waiting).body).toMatchObject({ status: 'failed', code: 'mis-cabled', feeds })
      const elsewhere = await plane.ask(`/v1/sites/${site}/servers/PSERVER2/tests/${body.id}`)
      expect(elsewhere.body.code).toBe('unknown-operation')
    })

    test('a long off time is warned of, and times out of range are refused with their place', async () => {
      const warned = await pdu({ mode: 'same', offTimeS: 11, leaveUp: true })
      expect(warned.status).toBe(202)
      expect(warned.body.warnings[0]).toContain('may stay dead')
      const { status, body } = await pdu({ mode: 'serial', offTimeS: 4 })
      expect([status, body.code]).toEqual([400, 'invalid-request'])
      expect(body.errors[0].pointer).toBe('/offTimeS')
      const wrong = await pdu({ mode: 'same', pdu: 'pdu-a' })
      expect(wrong.body.errors[0].pointer).toBe('/pdu')
    })

    test('what cannot be tested is refused', async () => {
      const codes = ({ status, body }: { status: number; body: { code: string } }) => [
        status,
        body.code,
      ]
      expect(codes(await pdu({ mode: 'serial' }, 'NOBODY'))).toEqual([404, 'unknown-server'])
      expect(codes(await pdu({ mode: 'serial' }, 'PSERVER2'))).toEqual([409, 'no-feeds'])
      expect(codes(await pdu({ mode: 'serial', pdu: 'x' }))).toEqual([404, 'unknown-pdu'])
      expect(codes(await soft({ system: 4711 }))).toEqual([404, 'unknown-system'])
      expect(codes(await soft({ system: 10002 }))).toEqual([404, 'unknown-system'])
      expect((await pdu({ mode: 'serial' })).status).toBe(202)
      expect(codes(await pdu({ mode: 'serial' }))).toEqual([409, 'operation-in-progress'])
      expect(codes(await soft({ system: 10001, cluster: 'db' }))).toEqual([
        409,
        'operation-in-progress',
      ])
      const reset = await plane.ask('/v1/resets', {
        method: 'POST',
        body: { site, target: { server: 'PSERVER1' }, reason: 'x' },
      })
      expect(reset.status).toBe(202)
      expect(codes(await pdu({ mode: 'serial' }))).toEqual([409, 'reset-already-open'])
    })

    test('the feeds of a server under test do not change', async () => {
      expect((await pdu({ mode: 'serial' })).status).toBe(202)
      const changed = siteFile(site)
      const { body } = await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: changed })
      expect(body.changes).toMatchObject([
        { subject: 'server', name: 'PSERVER1', result: 'Error', reason: 'reset-in-progress' },
      ])
    })

    test('readers and strangers test nothing', async () => {
      const reader = await plane.token({ name: 'r', scope: 'read', site })
      const app = await plane.token({ name: 'a', scope: 'operate', site, cluster: 'app' })
      for (const token of [reader, app]) {
        const path = 'servers/PSERVER1/tests'
        expect((await ask(`${path}/pdu`, { mode: 'serial' }, { token })).status).toBe(403)
        expect((await ask(`${path}/soft-reset`, { system: 10001 }, { token })).status).toBe(403)
      }
    })

    test('measured soft resets recommend a hard timer, and show in the reset log without a requester', async () => {
      const times = () => plane.ask(`/v1/sites/${site}/servers/PSERVER1/soft-reset-times`)
      expect((await times()).body).toMatchObject({ times: [], recommended: null })
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      for (const tookMs of [1640, 1200]) {
        const { body } = await soft({ system: 10001, cluster: 'db' })
        const { order, token } = await agent.takeOrder()
        if (order.kind !== 'soft-reset-test') throw new Error(order.kind)
        const shot = { id: 1, rung: 'soft', device: { kind: 'bmc' }, action: 'nmi' } as const
        const { id, system } = order
        const notice = { address: system.address, port: 7410 }
        const heard = { ...MONO, ms: MONO.ms + tookMs }
        await agent.tell(
          operationBody(order, token),
          { kind: 'intent', order: id, shot, mono: MONO },
          { kind: 'answer', order: id, shot: 1, answer: 'accepted', detail: '', mono: MONO },
          { kind: 'noticed', order: id, server: 'PSERVER1', system, ...notice, mono: heard },
          { kind: 'operation-ended', order: id, status: 'done', detail: 'stopped' },
        )
        const path = `/v1/sites/${site}/servers/PSERVER1/tests/${body.id}`
        expect((await plane.ask(path)).body).toMatchObject({ softResetMs: tookMs, system: 10001 })
      }
      const { body } = await times()
      expect(body.times.map(({ tookMs }: { tookMs: number }) => tookMs)).toEqual([1200, 1640])
      expect(body.recommended).toEqual({ maxMs: 1640, marginMs: 500, hardResetAfterMs: 2200 })
      const log = (await plane.ask(`/v1/audit?site=${site}&format=resetlog`)).body
      expect(log).toMatch(/SOFTRESET PSERVER1 10001 SEND ---- ---- ---- P\n/)
    })
  })
}
