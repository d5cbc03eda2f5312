import { expect, test } from 'vitest'
import {
  findContiguous,
  listChain,
  listRecordsByTime,
  listRecordsOfOrders,
  listRecordTexts,
  storeRecords,
} from '../../db/records.ts'
import { describeOnBoth } from './both.ts'

function row(seq: number, over: Partial<Parameters<typeof storeRecords>[1][number]> = {}) {
  return {
    hash: `h${seq}`,
    site: 'lab',
    agent: 'A',
    kid: 'k',
    seq,
    kind: 'ended',
    order: null,
    server: null,
    at: `2026-01-01T00:00:${String(seq % 60).padStart(2, '0')}.000000Z`,
    record: JSON.stringify({ seq }),
    ...over,
  }
}

describeOnBoth('records', (database) => {
  test('a record is stored once, however often it comes', async () => {
    const { db } = database()
    expect(await storeRecords(db, [row(1), row(2)])).toEqual(new Set(['h1', 'h2']))
    expect(await storeRecords(db, [row(2), row(3)])).toEqual(new Set(['h3']))
  })

  test('what was received counts up to the first gap, in whatever order it came', async () => {
    const { db } = database()
    const chain = { site: 'lab', agent: 'B', kid: 'k' }
    const of = (seq: number) => row(seq, { hash: `b${seq}`, agent: 'B' })
    expect(await findContiguous(db, chain, 0)).toBe(0)
    await storeRecords(db, [of(3), of(5)])
    expect(await findContiguous(db, chain, 0)).toBe(0)
    await storeRecords(db, [of(1), of(2)])
    expect(await findContiguous(db, chain, 0)).toBe(3)
    expect(await findContiguous(db, chain, 2)).toBe(3)
    await storeRecords(db, [of(4), { ...of(4), hash: 'b4-fork' }])
    expect(await findContiguous(db, chain, 3)).toBe(5)
  })

  test('text that Postgres cannot hold is stored all the same', async () => {
    const { db } = database()
    const record = JSON.stringify({ detail: 'a\u0000b', name: '\ud800' })
    const odd = row(1, { hash: 'odd', agent: 'C', order: 'o1', server: 'S\u0000', record })
    await storeRecords(db, [{ ...odd, at: '9999-99-99T99:99:99.999999Z' }])
    const [stored] = await listRecordsOfOrders(db, 'lab', ['o1'], 1)
    expect(await listRecordTexts(db, 'lab', ['none', 'o1'])).toEqual(
      new Map([
        ['none', []],
        ['o1', [stored?.record]],
      ]),
    )
    expect(stored?.server).toBe('S\ufffd')
    expect(JSON.parse(stored?.record ?? '')).toEqual({ detail: 'a\u0000b', name: '\ud800' })
  })

  test('the audit of a server holds every record of its orders', async () => {
    const { db } = database()
    await storeRecords(db, [
      row(1, { hash: 'x1', site: 'aud', order: 'o9', server: 'S1', kind: 'accepted' }),
      row(2, { hash: 'x2', site: 'aud', order: 'o9' }),
      row(3, { hash: 'x3', site: 'aud', order: 'o8', server: 'S2', kind: 'accepted' }),
      row(4, { hash: 'x4', site: 'aud', server: 'S1', kind: 'noticed' }),
    ])
    const found = await listRecordsByTime(db, 'aud', { server: 'S1' }, 10)
    expect(found.map(({ hash }) => hash)).toEqual(['x1', 'x2', 'x4'])
    const chain = { site: 'aud', agent: 'A', kid: 'k' }
    const after = { seq: 1, hash: 'x1' }
    const rest = await listChain(db, chain, { server: 'S1' }, { after, limit: 10 })
    expect(rest.map(({ hash }) => hash)).toEqual(['x2', 'x4'])
  })
})
