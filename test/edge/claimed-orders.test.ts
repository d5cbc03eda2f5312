// Orders that are stored as sent in the transaction of their acceptance, and then sent from memory.
import { sql } from 'drizzle-orm'
import { expect, test } from 'vitest'
import { findOrders } from '../../db/orders.ts'
import { resetAcceptance } from '../../edge/acceptance.ts'
import type { HubHere } from '../../edge/ports.ts'
import { describeOnPostgres } from '../db/both.ts'
import { enrolled, ordersSaid, type Scene, START_MS, scene } from './hub-scene.ts'

const CALLER = { name: 'key:a', scope: 'admin', site: undefined, cluster: undefined } as const

/** Asks with a hub that behaves as `change` says between the claim and the sending. */
function acceptWith(at: Scene, site: string, change: (hub: HubHere) => Promise<HubHere>) {
  const hubs = { ...at.deps.hubs, here: () => change(at.hub) }
  const ask = { site, target: { server: 'PSERVER1' }, mode: 'ladder' as const, reason: 'x' }
  return resetAcceptance({ ...at.deps, hubs })(ask, 'key', CALLER)
}

const ids = (at: Scene, link: string) => ordersSaid(at, link).map(({ order }) => order.id)

describeOnPostgres('an order that is claimed with its acceptance', (database) => {
  test('leaves once, and what the hub sends by itself does not repeat it', async () => {
    const { db } = database()
    const at = await scene(db, 'once')
    const agent = await enrolled(at, 'once', 'HACON1')
    await agent.connect('1')
    const { id, detail } = await at.reset('k')
    expect(detail).toBeNull()
    expect(ids(at, '1')).toEqual([id])
    const [order] = await findOrders(db, [id])
    expect(order).toMatchObject({ sentAtMs: START_MS, sentEpoch: 0, journalledAtMs: null })
    expect(order?.sentTo).toBe(at.link('1').state.kid)
    await at.hub.dispatch()
    expect(ids(at, '1')).toEqual([id])
  })

  test('of which the hub is dispatching already leaves once all the same', async () => {
    const at = await scene(database().db, 'both')
    const agent = await enrolled(at, 'both', 'HACON1')
    await agent.connect('1')
    const { id } = await acceptWith(at, 'both', async (hub) => ({
      recipient: () => hub.recipient(),
      async deliver(to, orders) {
        const dispatching = at.hub.dispatch()
        await hub.deliver(to, orders)
        await dispatching
      },
    }))
    expect(ids(at, '1')).toEqual([id])
  })

  test('goes out once at the next connection when its control plane ended before it left', async () => {
    const { db } = database()
    const at = await scene(db, 'ended')
    const agent = await enrolled(at, 'ended', 'HACON1')
    await agent.connect('1')
    await expect(
      acceptWith(at, 'ended', async (hub) => ({
        recipient: () => hub.recipient(),
        deliver: () => Promise.reject(new Error('this process ends here')),
      })),
    ).rejects.toThrow('ends here')
    expect(ordersSaid(at, '1')).toEqual([])
    at.links.delete('1')
    await agent.connect('2')
    const [said, ...more] = ids(at, '2')
    expect(more).toEqual([])
    expect(await findOrders(db, [said ?? ''])).toMatchObject([{ sentAtMs: START_MS }])
  })

  test('goes to the link that replaced its own, and to none that is gone', async () => {
    const at = await scene(database().db, 'replaced')
    const agent = await enrolled(at, 'replaced', 'HACON1')
    await agent.connect('1')
    const { id } = await acceptWith(at, 'replaced', async (hub) => {
      const to = hub.recipient()
      await agent.connect('2')
      return { recipient: () => to, deliver: (...given) => hub.deliver(...given) }
    })
    expect(at.links.has('1')).toBe(false)
    expect(ids(at, '2')).toEqual([id])
  })

  test('stays unsent while only an agent is connected that lost part of its journal', async () => {
    const { db } = database()
    const at = await scene(db, 'lost')
    const agent = await enrolled(at, 'lost', 'HACON1')
    await db.execute(sql`update agents set rolled_back = true where site = 'lost'`)
    await agent.connect('1')
    expect(at.hub.presence()).toHaveLength(1)
    const { id } = await at.reset('k')
    expect(ordersSaid(at, '1')).toEqual([])
    expect(await findOrders(db, [id])).toMatchObject([{ sentAtMs: null, sentTo: null }])
  })

  test('stays unsent when the key of the connected agent was replaced meanwhile', async () => {
    const { db } = database()
    const at = await scene(db, 'rekeyed')
    await (await enrolled(at, 'rekeyed', 'HACON1')).connect('1')
    const next = await enrolled(at, 'rekeyed', 'HACON1')
    const { id } = await at.reset('k')
    expect(ordersSaid(at, '1')).toEqual([])
    expect(await findOrders(db, [id])).toMatchObject([{ sentAtMs: null, sentTo: null }])
    await next.connect('2')
    expect(ids(at, '2')).toEqual([id])
  })

  test('is stored unsent while nobody is connected, and fails for certain when it expires', async () => {
    const { db } = database()
    const at = await scene(db, 'nobody')
    const { id } = await at.reset('k')
    expect(await findOrders(db, [id])).toMatchObject([{ sentAtMs: null, sentTo: null }])
    at.afterMs(60_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'failed', code: 'order-expired' })
  })
})
