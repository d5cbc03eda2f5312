import { expect, test } from 'vitest'
import { enrolAgent } from '../../db/agents.ts'
import {
  claimUndelivered,
  closeUnsent,
  findNextDueMs,
  findOrders,
  listDueOrders,
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
const claims = async (
  db: Parameters<typeof claimUndelivered>[0],
  [site, kid, epoch, nowMs]: readonly [string, string, number, number],
  except: string[] = [],
) => {
  await enrolAgent(db, { site, name: kid, kid, key: {}, enrolment: {}, enrolledAt: '' })
  return (await claimUndelivered(db, { site, kid, epoch, nowMs, except })).map(({ id }) => id)
}

describeOnPostgres('expiry against sending', (database) => {
  test('an order at its expiry is either sent or closed as never sent, not both', async () => {
    const { db } = database()
    for (let round = 0; round < 30; round++) {
      const id = `race${round}`
      await storeOrders(db, [order(id)])
      const [sent, closed] = await Promise.all([
        claims(db, [id, 'A', 0, 60_999]),
        closeUnsent(db, id, 61_000),
      ])
      expect([sent.length === 1, closed].filter(Boolean)).toHaveLength(1)
    }
  })
})

describeOnBoth('orders', (database) => {
  test('an order is sent again to its agent until it is journalled', async () => {
    const { db } = database()
    await storeOrders(db, [order('o1')])
    expect(await claims(db, ['o1', 'A', 0, 2000])).toEqual(['o1'])
    expect(await claims(db, ['o1', 'A', 0, 2001], ['o1'])).toEqual([])
    expect(await claims(db, ['o1', 'A', 0, 70_000])).toEqual(['o1'])
    expect(await findOrders(db, ['o1'])).toMatchObject([{ sentAtMs: 2000 }])
    await noteJournalled(db, { ids: ['o1', 'o?'], site: 'elsewhere', nowMs: 3000 })
    expect(await claims(db, ['o1', 'A', 0, 70_000])).toEqual(['o1'])
    await noteJournalled(db, { ids: ['o1', 'o?'], site: 'o1', nowMs: 3000 })
    expect(await claims(db, ['o1', 'A', 0, 70_000])).toEqual([])
  })

  test('an order that went to one agent goes to another only under a higher epoch', async () => {
    const { db } = database()
    await storeOrders(db, [order('o2')])
    expect(await claims(db, ['o2', 'A', 3, 2000])).toEqual(['o2'])
    expect(await claims(db, ['o2', 'B', 3, 2000])).toEqual([])
    expect(await claims(db, ['o2', 'B', 4, 2000])).toEqual(['o2'])
    expect(await findOrders(db, ['o2'])).toMatchObject([{ sentTo: 'B', sentEpoch: 4 }])
  })

  test('orders of a site are claimed oldest first, each with the revision it was planned by', async () => {
    const { db } = database()
    const later = { ...order('o5b', 'o5'), issuedAtMs: 2000, content: { revision: 7 } }
    await storeOrders(db, [later, order('o5a', 'o5'), order('o6')])
    await claims(db, ['o5', 'A', 0, 0], ['o5a', 'o5b'])
    const agent = { site: 'o5', kid: 'A', epoch: 0, nowMs: 3000, except: [] }
    expect(await claimUndelivered(db, agent)).toMatchObject([
      { id: 'o5a', revision: 0 },
      { id: 'o5b', revision: 7 },
    ])
  })

  test('an expired order that was never sent is not sent any more', async () => {
    const { db } = database()
    await storeOrders(db, [order('o3')])
    expect(await claims(db, ['o3', 'A', 0, 61_000])).toEqual([])
    expect(await closeUnsent(db, 'o3', 60_999)).toBe(false)
    expect(await closeUnsent(db, 'o3', 61_000)).toBe(true)
    expect(await closeUnsent(db, 'o3', 61_000)).toBe(false)
  })

  test('the alarm is the expiry while unsent, then the overdue time, then nothing', async () => {
    const { db } = database()
    await storeOrders(db, [order('o4')])
    expect(await findNextDueMs(db, 'o4', 0)).toBe(61_000)
    await claims(db, ['o4', 'A', 0, 2000])
    expect(await findNextDueMs(db, 'o4', 0)).toBe(100_000)
    expect(await listDueOrders(db, 'o4', 99_999)).toHaveLength(0)
    expect(await listDueOrders(db, 'o4', 100_000)).toHaveLength(1)
    await noteOverdue(db, 'o4')
    expect(await findNextDueMs(db, 'o4', 0)).toBeUndefined()
    expect(await claims(db, ['o4', 'A', 0, 200_000])).toEqual(['o4'])
  })
})
