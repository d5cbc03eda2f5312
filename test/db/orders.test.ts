import { expect, test } from 'vitest'
import {
  claimSends,
  closeUnsent,
  findNextDueMs,
  findOrder,
  listDueOrders,
  listUndelivered,
  noteJournalled,
  noteOverdue,
  storeOrders,
} from '../../db/orders.ts'
import { describeOnBoth, describeOnPostgres } from './both.ts'

const order = (id: string, site = id) => ({
  id,
  site,
  kind: 'reset' as const,
  token: 't',
  content: {},
  issuedAtMs: 1000,
  expiresAtMs: 61_000,
  overdueAtMs: 100_000,
})
const send = (id: string, agent: string, epoch: number, nowMs: number) => ({
  ids: [id],
  agent,
  epoch,
  nowMs,
})
const claimSend = async (...[db, asked]: Parameters<typeof claimSends>) =>
  (await claimSends(db, asked)).size === 1

describeOnPostgres('expiry against sending', (database) => {
  test('an order at its expiry is either sent or closed as never sent, not both', async () => {
    const { db } = database()
    for (let round = 0; round < 30; round++) {
      const id = `race${round}`
      await storeOrders(db, [order(id)])
      const [sent, closed] = await Promise.all([
        claimSend(db, send(id, 'A', 0, 60_999)),
        closeUnsent(db, id, 61_000),
      ])
      expect([sent, closed].filter(Boolean)).toHaveLength(1)
    }
  })
})

describeOnBoth('orders', (database) => {
  test('an order is sent again to its agent until it is journalled', async () => {
    const { db } = database()
    await storeOrders(db, [order('o1')])
    const mine = { site: 'o1', name: 'A', epoch: 0 }
    expect(await claimSend(db, send('o1', 'A', 0, 2000))).toBe(true)
    expect(await listUndelivered(db, mine)).toHaveLength(1)
    expect(await claimSend(db, send('o1', 'A', 0, 70_000))).toBe(true)
    expect(await findOrder(db, 'o1')).toMatchObject({ sentAtMs: 2000 })
    await noteJournalled(db, { id: 'o1', site: 'elsewhere', nowMs: 3000 })
    expect(await listUndelivered(db, mine)).toHaveLength(1)
    await noteJournalled(db, { id: 'o1', site: 'o1', nowMs: 3000 })
    expect(await listUndelivered(db, mine)).toHaveLength(0)
  })

  test('an order that went to one agent goes to another only under a higher epoch', async () => {
    const { db } = database()
    await storeOrders(db, [order('o2')])
    await claimSend(db, send('o2', 'A', 3, 2000))
    expect(await listUndelivered(db, { site: 'o2', name: 'B', epoch: 3 })).toHaveLength(0)
    expect(await claimSend(db, send('o2', 'B', 3, 2000))).toBe(false)
    expect(await listUndelivered(db, { site: 'o2', name: 'B', epoch: 4 })).toHaveLength(1)
    expect(await claimSend(db, send('o2', 'B', 4, 2000))).toBe(true)
  })

  test('an expired order that was never sent is not sent any more', async () => {
    const { db } = database()
    await storeOrders(db, [order('o3')])
    expect(await claimSend(db, send('o3', 'A', 0, 61_000))).toBe(false)
    expect(await closeUnsent(db, 'o3', 60_999)).toBe(false)
    expect(await closeUnsent(db, 'o3', 61_000)).toBe(true)
    expect(await closeUnsent(db, 'o3', 61_000)).toBe(false)
  })

  test('the alarm is the expiry while unsent, then the overdue time, then nothing', async () => {
    const { db } = database()
    await storeOrders(db, [order('o4')])
    expect(await findNextDueMs(db, 'o4', 0)).toBe(61_000)
    await claimSend(db, send('o4', 'A', 0, 2000))
    expect(await findNextDueMs(db, 'o4', 0)).toBe(100_000)
    expect(await listDueOrders(db, 'o4', 99_999)).toHaveLength(0)
    expect(await listDueOrders(db, 'o4', 100_000)).toHaveLength(1)
    await noteOverdue(db, 'o4')
    expect(await findNextDueMs(db, 'o4', 0)).toBeUndefined()
    expect(await listUndelivered(db, { site: 'o4', name: 'A', epoch: 0 })).toHaveLength(1)
  })
})
