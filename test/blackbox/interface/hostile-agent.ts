// What an agent or a caller may put into text and numbers must never keep the reports or orders of a site back.
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { resetId } from '../../../protocol/reset-id.ts'
import { until } from '../../edge/control-plane.ts'
import { siteFile } from '../../edge/site.ts'
import { acceptedBody, hardResetBodies, TestAgent } from '../../edge/test-agent.ts'
import { type Plane, planeAt } from '../client.ts'
import type { Target } from '../targets.ts'
import { freshName } from './names.ts'

export function hostileTests(on: () => Target): void {
  describe('a site with hostile text and records', () => {
    let plane: Plane
    let agent: TestAgent
    let site = ''
    beforeAll(() => {
      plane = planeAt(on().url, on().adminToken)
    })
    beforeEach(async () => {
      site = freshName()
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
      const stranger = freshName()
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
    test('a revision beyond counting is stored and believed nowhere', async () => {
      await agent.connect()
      const alive = { kind: 'alarm', code: 'x', subject: 'x', detail: '', raised: false } as const
      expect(await agent.tell({ kind: 'configured', revision: 2 ** 31, detail: '' }, alive)).toBe(2)
      agent.hangUp()
      const { nonce } = await agent.dial()
      await agent.sayHello({ nonce, revision: 2 ** 31 })
      await until('closed', () => agent.closedWith)
      expect(agent.closedWith?.code).toBe(4401)
      const change = siteFile(site)
      change.spec.hardResetAfterMs = 3000
      const { body } = await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: change })
      expect(body).toMatchObject({ result: 'completed', revision: 2 })
    })

    test('a record that contradicts its order is stored, and the order stands', async () => {
      await agent.connect()
      await reset()
      const { order, token } = await resetOrder()
      await reset({ target: { server: 'PSERVER3' } })
      const claim = (server: string) => {
        const { request, plan } = order
        return acceptedBody(
          { ...order, request: { ...request, server }, plan: { ...plan, server } },
          token,
        )
      }
      expect(await agent.tell(claim('PSERVER3'), claim('x'.repeat(50_000)))).toBe(2)
      const { body } = await plane.ask(`/v1/resets/${order.id}`)
      expect(body).toMatchObject({ server: 'PSERVER1', status: 'accepted' })
    })
  })
}
