// An order that no agent takes in time. It lives for a minute, so it is placed first and looked at last.
import { beforeAll, describe, expect, test } from 'vitest'
import type { ResetView } from '../../../protocol/reset-view.ts'
import { siteFile } from '../../edge/site.ts'
import { TestAgent } from '../../edge/test-agent.ts'
import { planeAt } from '../client.ts'
import type { Installation } from '../installation.ts'

const ORDER_LIFE_MS = 60_000

export interface WaitingOrder {
  agent: TestAgent
  accepted: ResetView
}

/** For a site whose agent is enrolled and away. */
export async function placeOrderForNobody({ api, target }: Installation): Promise<WaitingOrder> {
  const plane = planeAt(target.url, target.adminToken)
  await plane.ask('/v1/sites/nobody', { method: 'PUT', body: siteFile('nobody') })
  const agent = await TestAgent.enrolled(plane, 'nobody', 'HACON1')
  const accepted = await api.reset({ site: 'nobody', target: { server: 'PSERVER1' } }, 'nobody')
  return { agent, accepted }
}

export function expiryTests(on: () => Installation, placed: () => WaitingOrder): void {
  describe('an order for nobody', () => {
    let all: Installation
    let order: WaitingOrder
    beforeAll(() => {
      all = on()
      order = placed()
    })

    test('says so, fails at its expiry, and is never sent afterwards', async () => {
      const { agent, accepted } = order
      expect(accepted.detail).toContain('no agent of this site is connected')
      const end = await all.api.end(accepted.id, ORDER_LIFE_MS + 15_000)
      expect(end).toMatchObject({ status: 'failed', code: 'order-expired', fenced: false })
      const livedMs = Date.parse(end.endedAt ?? '') - Date.parse(end.requestedAt)
      expect(livedMs).toBeGreaterThan(ORDER_LIFE_MS - 100)
      await agent.connect()
      // What is received shows that the hub has sent what it had to send.
      await agent.tell({ kind: 'configured', revision: 1, detail: '' })
      expect(agent.heard.map(({ type }) => type)).not.toContain('order')
      agent.hangUp()
      expect(await all.api.view(accepted.id)).toEqual(end)
    }, 100_000)
  })
}
