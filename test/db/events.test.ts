import { expect, test } from 'vitest'
import { appendEvents, findLastEventId, listEventsAfter } from '../../db/events.ts'
import { describeOnPostgres } from './both.ts'

const event = (type: string) => ({
  site: 'lab',
  type,
  at: '2026-01-01T00:00:00.000000Z',
  payload: { text: '\u0000' },
})

describeOnPostgres('events', (database) => {
  test('a reader that goes on after the last id it saw misses none', async () => {
    const { db } = database()
    let release = () => {}
    const held = new Promise<void>((resolve) => {
      release = resolve
    })
    let appended = () => {}
    const first = new Promise<void>((resolve) => {
      appended = resolve
    })
    const slow = db.transaction(async (tx) => {
      await appendEvents(tx, [event('slow')])
      appended()
      await held
    })
    await first
    const fast = db.transaction((tx) => appendEvents(tx, [event('fast')]))
    const early = await listEventsAfter(db, 0, {}, 10)
    release()
    await Promise.all([slow, fast])
    const after = early.at(-1)?.id ?? 0
    const rest = await listEventsAfter(db, after, {}, 10)
    expect([...early, ...rest].map(({ type }) => type)).toEqual(['slow', 'fast'])
    expect(await findLastEventId(db)).toBe(rest.at(-1)?.id)
  })

  test('a site sees its own events only', async () => {
    const { db } = database()
    await appendEvents(db, [{ ...event('other'), site: 'other' }])
    const seen = await listEventsAfter(db, 0, { site: 'other' }, 10)
    expect(seen.map(({ type }) => type)).toEqual(['other'])
  })
})
