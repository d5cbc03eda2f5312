import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type HubTime, hubNow, noteHubTime } from '../../protocol/hub-time.ts'

test('before the first message there is no time', () => {
  expect(hubNow(undefined, 123)).toBeUndefined()
})

test('the hub is counted on monotonically while the link is silent', () => {
  const time = noteHubTime(undefined, 1_000_000, 50)
  expect(hubNow(time, 50)).toBe(1_000_000)
  expect(hubNow(time, 30_050)).toBe(1_029_970)
})

test('a message that was long under way cannot turn time back', () => {
  const time = noteHubTime(undefined, 1_000_000, 0)
  const late = noteHubTime(time, 1_001_000, 60_000)
  expect(hubNow(late, 60_000)).toBe(1_059_940)
  expect(hubNow(late, 120_000)).toBeGreaterThanOrEqual(1_113_800)
})

test('an own clock that runs a twentieth fast does not run away from the hub', () => {
  let time: HubTime | undefined
  for (let s = 0; s <= 100_000; s += 10) time = noteHubTime(time, s * 1000, s * 1050)
  expect(hubNow(time, 100_000 * 1050)).toBeLessThanOrEqual(100_000_000 + 500)
})

test('after days of a sleeping hub an order is not expired by our own fast clock', () => {
  const tenDays = 864_000_000
  const time = noteHubTime(undefined, 0, 0)
  const woken = noteHubTime(time, tenDays, tenDays * 1.0005)
  expect(hubNow(woken, tenDays * 1.0005)).toBe(tenDays)
})

test('a hub whose clock jumps ahead is followed at once', () => {
  const time = noteHubTime(noteHubTime(undefined, 1000, 0), 99_000, 10)
  expect(hubNow(time, 10)).toBe(99_000)
})

test('nothing but a number is taken for a time', () => {
  const time = noteHubTime(undefined, 1000, 0)
  expect(noteHubTime(time, Number.NaN, 5)).toBe(time)
  expect(noteHubTime(time, Number.POSITIVE_INFINITY, 5)).toBe(time)
})

test('time never goes backwards, whatever the hub says', () => {
  const step = fc.record({ after: fc.nat(10_000), says: fc.option(fc.nat(1_000_000)) })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 50 }), (steps) => {
      let time: HubTime | undefined
      let at = 0
      let before = Number.NEGATIVE_INFINITY
      for (const { after, says } of steps) {
        at += after
        const earlier = hubNow(time, at) ?? before
        expect(earlier).toBeGreaterThanOrEqual(before)
        if (says !== null) time = noteHubTime(time, says, at)
        before = hubNow(time, at) ?? before
        expect(before).toBeGreaterThanOrEqual(earlier)
      }
    }),
  )
})
