import { describe, expect, test } from 'vitest'
import type { Journal } from '../../agent/journal/journal.ts'
import type { Clock } from '../../core/ports.ts'
import { judgeReplay, rememberOrder } from '../../protocol/replay.ts'
import type { Body } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { VirtualClock } from '../lab/virtual-clock.ts'
import { PLAN, REQUEST } from '../protocol/order-samples.ts'
import { note, openAt, place, segmentPaths } from './journal-place.ts'

const DAY_MS = 86_400_000
const mono = { bootId: 'b1', ms: 1 }
const id = (digit: string) => `rst_${digit.repeat(26)}`

const accepted = (order: string): Body => ({
  kind: 'accepted',
  order,
  token: null,
  request: REQUEST,
  plan: PLAN,
  mono,
})
const intent = (order: string, shot = 1): Body => ({
  kind: 'intent',
  order,
  shot: { id: shot, rung: 'hard', device: { kind: 'bmc' }, action: 'reset' },
  mono,
})
const answer = (order: string, said: 'accepted' | 'lost' | 'unreachable'): Body => ({
  kind: 'answer',
  order,
  shot: 1,
  answer: said,
  detail: '',
  mono,
})
const ended = (order: string): Body => ({ kind: 'ended', order })

const SMALL = { segmentBytes: 2000, keptRecords: 50 }

async function settle(journal: Journal, path: string, segments: number): Promise<void> {
  for (let tries = 0; tries < 200; tries += 1) {
    if ((await segmentPaths(path)).length <= segments) return
    await journal.append([note(0)])
  }
}

/** Appends, lets 31 days pass, and has all of it acknowledged. */
async function age(journal: Journal, clock: VirtualClock, records: number): Promise<void> {
  for (let revision = 0; revision < records; revision += 10) {
    await journal.append(Array.from({ length: 10 }, () => note(revision)))
  }
  clock.advance(31 * DAY_MS)
  journal.acknowledge(journal.durable.seq)
}

test('acknowledged old segments go, the newest records stay, and the chain goes on', async () => {
  const directory = await place()
  const clock = new VirtualClock()
  const journal = await openAt(directory, { ...SMALL, clock })
  await age(journal, clock, 300)
  const before = (await segmentPaths(directory)).length
  await settle(journal, directory, 10)
  expect((await segmentPaths(directory)).length).toBeLessThan(before)
  await journal.close()
  const reopened = await openAt(directory, { ...SMALL, clock })
  const batch = await reopened.since(0)
  expect(batch?.records[0]?.seq).toBeGreaterThan(1)
  expect(reopened.durable.seq - (batch?.records[0]?.seq ?? 0)).toBeGreaterThanOrEqual(49)
  expect(reopened.start).toBe(2)
})

test('nothing goes before it is acknowledged, however old', async () => {
  const directory = await place()
  const clock = new VirtualClock()
  const journal = await openAt(directory, { ...SMALL, clock })
  await age(journal, clock, 200)
  journal.acknowledge(0)
  await settle(journal, directory, 1)
  await journal.close()
  expect((await (await openAt(directory, { ...SMALL, clock })).since(0))?.records[0]?.seq).toBe(1)
})

test('nothing goes before it is 30 days old, however much it is', async () => {
  const directory = await place()
  const clock: Clock = { ...nodeClock, wallMs: () => nodeClock.wallMs() + 29 * DAY_MS }
  const journal = await openAt(directory, { ...SMALL, clock })
  for (let round = 0; round < 30; round += 1) {
    await journal.append(Array.from({ length: 10 }, () => note(round)))
    journal.acknowledge(journal.durable.seq)
  }
  await journal.close()
  expect((await (await openAt(directory)).since(0))?.records[0]?.seq).toBe(1)
})

describe('when old records have gone', () => {
  async function aged(bodies: Body[]): Promise<Journal> {
    const directory = await place()
    const clock = new VirtualClock()
    const journal = await openAt(directory, { ...SMALL, clock })
    await journal.append(bodies)
    await age(journal, clock, 300)
    await settle(journal, directory, 10)
    await journal.close()
    const reopened = await openAt(directory, { ...SMALL, clock })
    expect((await reopened.since(0))?.records[0]?.seq).toBeGreaterThan(bodies.length)
    return reopened
  }

  test('an open order is still there with all its records', async () => {
    const journal = await aged([accepted(id('a')), intent(id('a'))])
    expect(journal.openOrders()).toMatchObject([
      { order: id('a'), open: true, records: [{ kind: 'accepted' }, { kind: 'intent' }] },
    ])
  })

  test('an ended order with a loose shot is still there, one without is not', async () => {
    const journal = await aged([
      ...[accepted(id('a')), intent(id('a')), answer(id('a'), 'lost'), ended(id('a'))],
      ...[accepted(id('b')), intent(id('b')), answer(id('b'), 'accepted'), ended(id('b'))],
      ...[accepted(id('c')), intent(id('c')), answer(id('c'), 'unreachable'), ended(id('c'))],
      ...[accepted(id('d')), intent(id('d')), ended(id('d'))],
      { kind: 'settled', order: id('d'), shot: 1, detail: '' },
    ])
    expect(journal.openOrders()).toMatchObject([{ order: id('a'), open: false }])
    expect([...(journal.openOrders()[0]?.loose ?? [])]).toEqual([1])
  })

  test('the ids of all orders are still known', async () => {
    const journal = await aged([accepted(id('a')), ended(id('a'))])
    expect(judgeReplay(journal.memory, { id: id('a'), issuedAtMs: 0 })).toBe('known')
    expect(judgeReplay(journal.memory, { id: id('b'), issuedAtMs: 9e15 })).toBe('new')
  })
})

test('ids older than 30 days fall behind the watermark, open ones never', async () => {
  const directory = await place()
  const clock = new VirtualClock()
  const journal = await openAt(directory, { ...SMALL, clock })
  const oldAtMs = clock.wallMs()
  await journal.append([accepted(id('a')), ended(id('a')), accepted(id('b'))])
  for (let round = 0; round < 30; round += 1) await journal.append(Array(10).fill(note(round)))
  clock.advance(31 * DAY_MS)
  await journal.append([accepted(id('c')), ended(id('c'))])
  journal.acknowledge(journal.durable.seq)
  await settle(journal, directory, 10)
  await journal.close()
  const { memory } = await openAt(directory, { ...SMALL, clock })
  expect(judgeReplay(memory, { id: id('a'), issuedAtMs: oldAtMs })).toBe('replayed')
  expect(judgeReplay(memory, { id: id('b'), issuedAtMs: oldAtMs })).toBe('known')
  expect(judgeReplay(memory, { id: id('c'), issuedAtMs: oldAtMs })).toBe('known')
})

test('an order that was only looked at is not remembered over a restart', async () => {
  const directory = await place()
  const journal = await openAt(directory)
  rememberOrder(journal.memory, { id: id('a'), issuedAtMs: 5 })
  await journal.append([note(1)])
  await journal.close()
  const { memory } = await openAt(directory)
  expect(judgeReplay(memory, { id: id('a'), issuedAtMs: 5 })).toBe('new')
})
