import fc from 'fast-check'
import { expect, test } from 'vitest'
import {
  emptyReplayMemory,
  forgetOrders,
  judgeReplay,
  rememberOrder,
} from '../../protocol/replay.ts'

test('an order is new once and known ever after', () => {
  const memory = emptyReplayMemory()
  const order = { id: 'rst_a', issuedAtMs: 1000 }
  expect(judgeReplay(memory, order)).toBe('new')
  rememberOrder(memory, order)
  expect(judgeReplay(memory, order)).toBe('known')
  expect(judgeReplay(memory, { ...order, issuedAtMs: 9000 })).toBe('known')
})

test('what is forgotten stays behind the watermark', () => {
  const memory = emptyReplayMemory()
  rememberOrder(memory, { id: 'rst_a', issuedAtMs: 1000 })
  rememberOrder(memory, { id: 'rst_b', issuedAtMs: 2000 })
  forgetOrders(memory, 2000)
  expect(judgeReplay(memory, { id: 'rst_a', issuedAtMs: 1000 })).toBe('replayed')
  expect(judgeReplay(memory, { id: 'rst_b', issuedAtMs: 2000 })).toBe('known')
  expect(judgeReplay(memory, { id: 'rst_c', issuedAtMs: 1999 })).toBe('replayed')
  expect(judgeReplay(memory, { id: 'rst_c', issuedAtMs: 2000 })).toBe('new')
})

test('an open order is kept however old, and the watermark never falls', () => {
  const memory = emptyReplayMemory()
  rememberOrder(memory, { id: 'rst_open', issuedAtMs: 1000 })
  forgetOrders(memory, 5000, new Set(['rst_open']))
  expect(judgeReplay(memory, { id: 'rst_open', issuedAtMs: 1000 })).toBe('known')
  forgetOrders(memory, 10)
  expect(memory.watermarkMs).toBe(5000)
})

test('no order is ever new twice, in whatever order ids come and are forgotten', () => {
  const event = fc.record({
    id: fc.integer({ min: 0, max: 5 }).map((id) => `rst_${id}`),
    issuedAtMs: fc.integer({ min: 0, max: 20 }),
    forget: fc.option(fc.integer({ min: 0, max: 20 }), { nil: undefined }),
  })
  fc.assert(
    fc.property(fc.array(event, { maxLength: 60 }), (events) => {
      const memory = emptyReplayMemory()
      const taken = new Set<string>()
      for (const { id, issuedAtMs, forget } of events) {
        const copy = `${id}@${issuedAtMs}`
        if (judgeReplay(memory, { id, issuedAtMs }) === 'new') {
          expect(taken.has(copy)).toBe(false)
          taken.add(copy)
          rememberOrder(memory, { id, issuedAtMs })
        }
        if (forget !== undefined) forgetOrders(memory, forget)
      }
    }),
  )
})
