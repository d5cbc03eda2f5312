import { expect, test } from 'vitest'
import { type AcceptedReset, storeAccepted } from '../../db/acceptance.ts'
import type { Db } from '../../db/client.ts'
import {
  closeUnheardReset,
  findReset,
  listLooseServers,
  listResets,
  storeFoldedResets,
} from '../../db/resets.ts'
import { describeOnBoth, describeOnPostgres } from './both.ts'

const AT = '2026-01-01T00:00:00.000000Z'
const LATER = '2026-01-01T00:00:05.000000Z'

function accepted(id: string, server: string, site = 'lab'): AcceptedReset {
  return {
    ...{ id, site, server, bodyHash: 'b', status: 'accepted', view: { id }, requestedAt: AT },
    ...{ token: 't', content: {}, issuedAtMs: 1, expiresAtMs: 2, overdueAtMs: 3, event: { id } },
  }
}

const openReset = async (db: Db, reset: AcceptedReset) =>
  (await storeAccepted(db, [reset], undefined)).has(reset.id)

function folded(id: string, server: string, endedAt: string | null = null, site = 'lab') {
  return {
    id,
    site,
    server,
    status: endedAt === null ? 'hard' : 'complete',
    result: endedAt === null ? null : 'REBOOT',
    fenced: endedAt !== null,
    loose: endedAt === null,
    view: { id, folded: true },
    requestedAt: AT,
    fencedAt: endedAt,
    endedAt,
  }
}

describeOnPostgres('racing acceptances', (database) => {
  test('of twenty resets of one server accepted at once exactly one opens', async () => {
    const opened = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        openReset(database().db, accepted(`r${index}`, 'S')),
      ),
    )
    expect(opened.filter(Boolean)).toHaveLength(1)
    expect(
      await listResets(database().db, { site: 'lab', server: 'S' }, { limit: 50 }),
    ).toHaveLength(1)
  })

  test('of twenty that race with one id exactly one opens', async () => {
    const opened = await Promise.all(
      Array.from({ length: 20 }, () => openReset(database().db, accepted('same', 'T'))),
    )
    expect(opened.filter(Boolean)).toHaveLength(1)
  })
})

describeOnBoth('resets', (database) => {
  test('the place of a server is free again once its reset has ended', async () => {
    const { db } = database()
    expect(await openReset(db, accepted('a1', 'A'))).toBe(true)
    expect(await openReset(db, accepted('a2', 'A'))).toBe(false)
    await storeFoldedResets(db, [folded('a1', 'A')], 1)
    expect(await openReset(db, accepted('a2', 'A'))).toBe(false)
    await storeFoldedResets(db, [folded('a1', 'A', LATER)], 2)
    expect(await openReset(db, accepted('a2', 'A'))).toBe(true)
  })

  test('a second open reset that an agent reports is stored beside the accepted one', async () => {
    const { db } = database()
    expect(await openReset(db, accepted('b1', 'B'))).toBe(true)
    await storeFoldedResets(db, [folded('b2', 'B')], 1)
    expect(await findReset(db, 'b2')).toMatchObject({
      origin: 'agent',
      holds: false,
      status: 'hard',
    })
  })

  test('records that come after a reset turned unknown replace it and never retake the place', async () => {
    const { db } = database()
    await openReset(db, accepted('c1', 'C'))
    const unknown = {
      status: 'unknown' as const,
      result: null,
      view: {},
      endedAt: null,
      endKnownAtMs: null,
    }
    expect(await closeUnheardReset(db, { id: 'c1', from: 'accepted', ...unknown })).toBe(true)
    expect(await listLooseServers(db, 'lab')).toContain('C')
    expect(await openReset(db, accepted('c2', 'C'))).toBe(true)
    await storeFoldedResets(db, [folded('c1', 'C')], 1)
    expect(await findReset(db, 'c1')).toMatchObject({ status: 'hard', holds: false })
    expect(await findReset(db, 'c2')).toMatchObject({ status: 'accepted', holds: true })
  })

  test('a reset that a record has moved on is not closed as unheard', async () => {
    const { db } = database()
    await openReset(db, accepted('d1', 'D'))
    await storeFoldedResets(db, [folded('d1', 'D')], 1)
    const failed = {
      status: 'failed' as const,
      result: 'FAIL',
      view: {},
      endedAt: LATER,
      endKnownAtMs: 1,
    }
    expect(await closeUnheardReset(db, { id: 'd1', from: 'accepted', ...failed })).toBe(false)
    expect(await findReset(db, 'd1')).toMatchObject({ status: 'hard', endedAt: null })
  })

  test('a report of another site does not touch a reset of the same id', async () => {
    const { db } = database()
    await openReset(db, accepted('e1', 'E'))
    await storeFoldedResets(db, [folded('e1', 'E', LATER, 'elsewhere')], 1)
    expect(await findReset(db, 'e1')).toMatchObject({ site: 'lab', status: 'accepted' })
  })

  test('the life of a key counts from when the end was first learnt', async () => {
    const { db } = database()
    await openReset(db, accepted('f1', 'F'))
    await storeFoldedResets(db, [folded('f1', 'F', LATER)], 100)
    await storeFoldedResets(db, [folded('f1', 'F', LATER)], 900)
    expect(await findReset(db, 'f1')).toMatchObject({ endKnownAtMs: 100 })
  })

  test('pages go from the newest to the oldest without a gap', async () => {
    const { db } = database()
    for (const second of [1, 2, 2, 3]) {
      const id = `p${second}${Math.random()}`
      await openReset(db, {
        ...accepted(id, id, 'paged'),
        requestedAt: `2026-01-01T00:00:0${second}.000000Z`,
      })
    }
    const seen: string[] = []
    let before: { requestedAt: string; id: string } | undefined
    for (;;) {
      const page = await listResets(db, { site: 'paged' }, { limit: 1, before })
      const [row] = page
      if (!row) break
      seen.push(row.requestedAt)
      before = row
    }
    expect(seen.map((at) => at.slice(18, 19))).toEqual(['3', '2', '2', '1'])
  })
})
