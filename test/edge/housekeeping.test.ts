import { count, sql } from 'drizzle-orm'
import { beforeEach, expect, test } from 'vitest'
import type { Db } from '../../db/client.ts'
import { events, heads, operatorLog, records, resets } from '../../db/schema.ts'
import {
  FIRST_TIDY_AFTER_MS,
  startHousekeeping,
  TIDY_EVERY_MS,
  tidyUp,
} from '../../edge/housekeeping.ts'
import { describeOnBoth } from '../db/both.ts'
import { VirtualClock } from '../lab/virtual-clock.ts'
import { until } from './control-plane.ts'

const DAY_MS = 86_400_000
const keeping = { operatorLogDays: 400 }

describeOnBoth('housekeeping', (database) => {
  const db = (): Db => database().db
  const logged: string[] = []
  const log = (_level: string, event: string) => logged.push(event)

  beforeEach(async () => {
    logged.length = 0
    await db().execute(sql`truncate events, operator_log, records, heads, resets`)
  })

  const eventAt = (at: string) => ({ site: 'lab', type: 'observed', at, payload: {} })
  const entryAt = (at: string, entry: string) => ({
    entry,
    at,
    method: 'PUT',
    dryRun: false,
    status: 200,
  })
  const left = async () => {
    const kept = await db().select({ at: events.at }).from(events).orderBy(events.id)
    const entries = await db().select({ entry: operatorLog.entry }).from(operatorLog)
    return { events: kept.map(({ at }) => at), entries: entries.map(({ entry }) => entry) }
  }

  test('events end after seven days, the operator log after as many as are configured', async () => {
    const clock = new VirtualClock()
    const first = clock.wall()
    await db()
      .insert(events)
      .values([eventAt(first)])
    await db()
      .insert(operatorLog)
      .values([entryAt(first, 'first')])
    clock.advance(7 * DAY_MS)
    const second = clock.wall()
    await db()
      .insert(events)
      .values([eventAt(second)])
    expect(await tidyUp({ db: db(), clock, log }, keeping)).toEqual({ events: 0, operatorLog: 0 })
    clock.advance(1)
    expect(await tidyUp({ db: db(), clock, log }, keeping)).toEqual({ events: 1, operatorLog: 0 })
    expect(await left()).toEqual({ events: [second], entries: ['first'] })
    clock.advance(393 * DAY_MS - 1)
    expect((await tidyUp({ db: db(), clock, log }, keeping)).operatorLog).toBe(0)
    clock.advance(1)
    expect((await tidyUp({ db: db(), clock, log }, keeping)).operatorLog).toBe(1)
    expect(await left()).toEqual({ events: [], entries: [] })
  })

  test('of too many events the oldest go, in as many batches as it takes', async () => {
    const clock = new VirtualClock()
    await db().execute(sql`insert into events (site, type, at, payload)
      select 'lab', 'observed', ${clock.wall()}, '{}' from generate_series(1, 5200)`)
    const newest = await db()
      .select({ id: events.id })
      .from(events)
      .orderBy(sql`id desc`)
      .limit(100)
    const gone = await tidyUp({ db: db(), clock, log }, { ...keeping, eventsMax: 100 })
    expect(gone.events).toBe(5100)
    const kept = await db().select({ id: events.id }).from(events).orderBy(sql`id desc`)
    expect(kept).toEqual(newest)
  })

  test('the audit and the resets stay, however old they are', async () => {
    const clock = new VirtualClock()
    const at = clock.wall()
    const chain = { site: 'lab', agent: 'a', kid: 'k', seq: 1, hash: 'h' }
    await db()
      .insert(records)
      .values([{ ...chain, kind: 'started', at, record: '{}' }])
    await db()
      .insert(heads)
      .values([{ ...chain, token: 't' }])
    const reset = { id: 'rst_1', site: 'lab', server: 's', status: 'complete', view: {} }
    const old = { origin: 'agent' as const, holds: false, requestedAt: at, endedAt: at }
    await db()
      .insert(resets)
      .values([{ ...reset, ...old }])
    clock.advance(10_000 * DAY_MS)
    await tidyUp({ db: db(), clock, log }, { ...keeping, eventsMax: 0 })
    for (const table of [records, heads, resets]) {
      expect(await db().select({ rows: count() }).from(table)).toEqual([{ rows: 1 }])
    }
  })

  test('when nothing is due nothing is written', async () => {
    const clock = new VirtualClock()
    await db()
      .insert(events)
      .values([eventAt(clock.wall())])
    const round = (tx: Db) => tidyUp({ db: tx, clock, log }, keeping)
    // A transaction that may only read: any write would end it.
    const readOnly = { accessMode: 'read only' } as const
    expect(await db().transaction(round, readOnly)).toEqual({ events: 0, operatorLog: 0 })
    clock.advance(8 * DAY_MS)
    await expect(db().transaction(round, readOnly)).rejects.toThrow()
    expect(logged).toEqual([])
  })

  test('it runs soon after the start, then every hour, over failures, until it is stopped', async () => {
    const clock = new VirtualClock()
    const old = clock.wall()
    clock.advance(8 * DAY_MS)
    const stop = startHousekeeping({ db: db(), clock, log }, keeping)
    const due = async () =>
      await db()
        .insert(events)
        .values([eventAt(old)])
    const empty = async () => (await left()).events.length === 0
    await due()
    clock.advance(FIRST_TIDY_AFTER_MS)
    await until('the first round', async () => clock.pending === 1 && (await empty()))
    await db().execute(sql`alter table events rename to elsewhere`)
    clock.advance(TIDY_EVERY_MS)
    await until('the round that fails', () => logged.includes('tidy-up-failed'))
    await db().execute(sql`alter table elsewhere rename to events`)
    await due()
    await until('it is armed again', () => clock.pending === 1)
    clock.advance(TIDY_EVERY_MS - 1)
    expect(await empty()).toBe(false)
    clock.advance(1)
    await until('the round after it', async () => clock.pending === 1 && (await empty()))
    await stop()
    expect(clock.pending).toBe(0)
  })
})
