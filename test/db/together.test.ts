import { expect, test } from 'vitest'
import { together } from '../../db/client.ts'
import { findOrders, storeOrders } from '../../db/orders.ts'
import { describeOnBoth } from './both.ts'

const order = (id: string) => ({
  id,
  site: 'lab',
  kind: 'reset' as const,
  token: 't',
  content: {},
  issuedAtMs: 1000,
  expiresAtMs: 61_000,
  overdueAtMs: 100_000,
})

describeOnBoth('work done together in a transaction', (database) => {
  test('what fails beside a slower part takes that part back too', async () => {
    const { db } = database()
    await storeOrders(db, [order('taken')])
    const slowly = async (tx: Parameters<typeof storeOrders>[0]) => {
      await new Promise((resolve) => setTimeout(resolve, 50))
      await storeOrders(tx, [order('late')])
    }
    await expect(
      db.transaction((tx) => together(storeOrders(tx, [order('taken')]), slowly(tx))),
    ).rejects.toThrow()
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await findOrders(db, ['late'])).toEqual([])
  })

  test('gives back what every part gave', async () => {
    expect(await together(Promise.resolve(1), Promise.resolve('two'))).toEqual([1, 'two'])
  })
})
