import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { siteFile } from '../../edge/site.ts'
import { MONO, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

export function restoreTests(on: () => Target): void {
  describe('restores', () => {
    let plane: Plane
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
      await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    })

    const restore = (server: string, options: { key?: string; token?: string } = {}) =>
      plane.ask(`/v1/sites/${site}/servers/${server}/restore`, { method: 'POST', ...options })

    test('a restore reaches the agent with the feeds of the server and ends as the records say', async () => {
      const agent = await TestAgent.enrolled(plane, site, 'HACON1')
      await agent.connect()
      const { status, body } = await restore('PSERVER1')
      expect(status).toBe(202)
      expect(body).toMatchObject({ operation: 'restore', server: 'PSERVER1', status: 'running' })
      const { order, token } = await agent.takeOrder()
      expect(order).toMatchObject({
        kind: 'restore',
        id: body.id,
        feeds: [{ pdu: 'pdu-a', pduAddress: '192.168.1.101', outlet: 3 }],
      })
      if (order.kind !== 'restore') throw new Error('not a restore')
      const path = `/v1/sites/${site}/operations/${body.id}`
      const waiting = plane.ask(`${path}?wait=30`)
      const { target, feeds, requestedBy } = order
      await agent.tell(
        {
          kind: 'operation',
          order: order.id,
          operation: 'restore',
          target,
          feeds,
          requestedBy,
          token,
          mono: MONO,
        },
        { kind: 'operation-ended', order: order.id, status: 'done', detail: 'all on' },
      )
      expect((await waiting).body).toMatchObject({ status: 'done', detail: 'all on' })
      expect((await plane.ask(path)).body.endedAt).not.toBeNull()
    })

    test('the same key is answered by the same restore', async () => {
      const first = await restore('PSERVER1', { key: 'again' })
      expect((await restore('PSERVER1', { key: 'again' })).body.id).toBe(first.body.id)
      const other = await restore('PSERVER2', { key: 'again' })
      expect([other.status, other.body.code]).toEqual([422, 'idempotency-key-reused'])
      expect((await restore('PSERVER1', { key: '' })).body.code).toBe('idempotency-key-missing')
    })

    test('what cannot be restored is refused', async () => {
      const codes = async (server: string) => {
        const { status, body } = await restore(server)
        return [status, body.code]
      }
      expect(await codes('NOBODY')).toEqual([404, 'unknown-server'])
      expect(await codes('PSERVER2')).toEqual([409, 'no-feeds'])
      const body = { site, target: { server: 'PSERVER1' }, reason: 'x' }
      await plane.ask('/v1/resets', { method: 'POST', body })
      expect(await codes('PSERVER1')).toEqual([409, 'reset-already-open'])
      const operation = await plane.ask(`/v1/sites/${site}/operations/opr_none`)
      expect([operation.status, operation.body.code]).toEqual([404, 'unknown-operation'])
    })

    test('readers and strangers restore nothing, and an operation is seen from its own site only', async () => {
      const reader = await plane.token({ name: 'r', scope: 'read', site })
      const stranger = await plane.token({ name: 's', scope: 'operate', site: 'elsewhere' })
      const app = await plane.token({ name: 'a', scope: 'operate', site, cluster: 'app' })
      expect((await restore('PSERVER1', { token: reader })).status).toBe(403)
      expect((await restore('PSERVER1', { token: app })).status).toBe(403)
      expect((await restore('PSERVER1', { token: stranger })).status).toBe(404)
      const { body } = await restore('PSERVER1')
      expect((await plane.ask(`/v1/sites/other/operations/${body.id}`)).status).toBe(404)
    })
  })
}
