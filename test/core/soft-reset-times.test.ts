import { expect, test } from 'vitest'
import { recommendHardResetAfter } from '../../core/soft-reset-times.ts'

test.each([
  [[300], 1000, 500],
  [[1640, 1200], 2200, 500],
  [[3000, 1000], 3800, 750],
  [[4000], 5000, 1000],
])('of %j ms the hard timer is to be %i, with a margin of %i', (times, timer, margin) => {
  expect(recommendHardResetAfter(times)).toEqual({
    maxMs: Math.max(...times),
    marginMs: margin,
    hardResetAfterMs: timer,
  })
})

test('a soft reset that fits no timer gets none recommended', () => {
  expect(recommendHardResetAfter([4001])).toEqual({ maxMs: 4001, marginMs: 1000.25 })
})

test('nothing measured recommends nothing', () => {
  expect(recommendHardResetAfter([])).toBeUndefined()
})
