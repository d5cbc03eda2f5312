import { expect, test } from 'vitest'
import { listObservations, storeObservations } from '../../db/observations.ts'
import { describeOnBoth } from './both.ts'

const reading = (value: string, second: number, seq: number, name = 'S1') => ({
  site: 'lab',
  subject: 'server',
  name,
  attribute: 'power',
  value,
  detail: '',
  readAt: `2026-01-01T00:00:0${second}.000000Z`,
  agent: 'A',
  seq,
})

describeOnBoth('observations', (database) => {
  test('the newest reading stays, in whatever order the readings come', async () => {
    const { db } = database()
    await storeObservations(db, [reading('pon', 5, 10)])
    await storeObservations(db, [reading('poff', 4, 9), reading('--', 3, 8)])
    expect((await listObservations(db, 'lab')).map(({ value }) => value)).toEqual(['pon'])
    await storeObservations(db, [reading('--', 6, 11), reading('poff', 6, 12)])
    expect((await listObservations(db, 'lab')).map(({ value }) => value)).toEqual(['poff'])
  })

  test('a name longer than an index entry is stored, cut', async () => {
    const { db } = database()
    await storeObservations(db, [{ ...reading('pon', 1, 1, 'x'.repeat(10_000)), site: 'long' }])
    expect((await listObservations(db, 'long'))[0]?.name).toHaveLength(200)
  })
})
