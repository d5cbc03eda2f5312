import { Hono } from 'hono'
import { expect, test } from 'vitest'
import { listOperatorEntries, type NewOperatorEntry } from '../../db/operator-log.ts'
import type { Env } from '../../edge/auth.ts'
import { ApiError, problemResponse } from '../../edge/errors.ts'
import { logOperators, STRANGERS_PER_MINUTE } from '../../edge/operator-log.ts'
import { OperatorLogWriter } from '../../edge/operator-log-writer.ts'
import { describeOnBoth } from '../db/both.ts'
import { seededRandom, VirtualClock } from '../lab/virtual-clock.ts'
import { until } from './control-plane.ts'

function entryOf(entry: string): NewOperatorEntry {
  const at = '2026-01-01T00:00:00.000000Z'
  return {
    entry,
    at,
    method: 'PUT',
    route: '/v1/sites/{site}',
    dryRun: false,
    site: 'lab',
    subject: null,
    tokenId: 'tok_1',
    tokenName: 'admin',
    status: 200,
    code: null,
    made: null,
    remoteAddress: '127.0.0.1',
    keyHash: null,
    userAgent: null,
  }
}

interface Logged {
  event: string
  fields: unknown
}

describeOnBoth('the writer of the operator log', (database) => {
  const open = () => {
    const clock = new VirtualClock()
    const logged: Logged[] = []
    const log = (_level: string, event: string, fields?: unknown) => logged.push({ event, fields })
    const { db } = database()
    return { db, clock, logged, writer: new OperatorLogWriter({ db, clock, log }) }
  }
  const entries = async () =>
    (await listOperatorEntries(database().db, {}, { after: 0, limit: 1000 })).map(
      ({ entry }) => entry,
    )

  test('a stop waits until all is written, once and in order', async () => {
    const { writer, clock } = open()
    const names = Array.from({ length: 250 }, (_, index) => `first-${index}`)
    for (const name of names) writer.record(entryOf(name))
    writer.record(entryOf('first-0'))
    await writer.stop()
    expect(await entries()).toEqual(names)
    expect(clock.pending).toBe(0)
  })

  test('what the database refuses is written five seconds after it has come back', async () => {
    const { writer, clock, db, logged } = open()
    await db.execute('alter table operator_log rename to elsewhere')
    writer.record(entryOf('late-1'))
    await until('the fault is told', () => clock.pending === 1)
    writer.record(entryOf('late-2'))
    await db.execute('alter table elsewhere rename to operator_log')
    clock.advance(4999)
    expect(clock.pending).toBe(1)
    clock.advance(1)
    await until('both are written', async () => (await entries()).includes('late-2'))
    expect((await entries()).slice(-2)).toEqual(['late-1', 'late-2'])
    expect(logged.map(({ event }) => event)).toEqual(['operator-log-unwritten'])
    await writer.stop()
  })

  test('what is never taken ends in the process log', async () => {
    const { writer, db, logged } = open()
    await db.execute('alter table operator_log rename to elsewhere')
    writer.record(entryOf('never-1'))
    await writer.stop()
    writer.record(entryOf('never-2'))
    await db.execute('alter table elsewhere rename to operator_log')
    const kept = logged.filter(({ event }) => event === 'operator-log-entry')
    expect(kept.map(({ fields }) => fields)).toMatchObject([
      { entry: 'never-1' },
      { entry: 'never-2' },
    ])
  })
})

test('of strangers each minute has its share, and what is left out is counted', async () => {
  const clock = new VirtualClock()
  const recorded: NewOperatorEntry[] = []
  const logged: Logged[] = []
  const app = new Hono<Env>()
  app.onError((error, c) => problemResponse(c, error as ApiError))
  app.use(
    logOperators({
      clock,
      random: seededRandom('strangers'),
      log: (_level, event, fields) => logged.push({ event, fields }),
      operatorLog: { record: (entry) => recorded.push(entry) },
      remoteAddress: () => undefined,
    }),
  )
  app.post('/refused', () => {
    throw new ApiError('unauthorized', 'no')
  })
  const ask = async (times: number) => {
    for (let index = 0; index < times; index += 1) await app.request('/refused', { method: 'POST' })
  }
  await ask(STRANGERS_PER_MINUTE + 7)
  expect(recorded).toHaveLength(STRANGERS_PER_MINUTE)
  clock.advance(60_000)
  await ask(1)
  expect(recorded).toHaveLength(STRANGERS_PER_MINUTE + 1)
  expect(logged).toEqual([{ event: 'operator-log-suppressed', fields: { strangers: 7 } }])
})
