import { expect, test } from 'vitest'
import { Inbox } from '../../../lab/model/inbox.ts'
import { VirtualClock } from '../virtual-clock.ts'

function build(deafMs = 0) {
  const clock = new VirtualClock()
  const pace = { hung: false, delayMs: 0 }
  const handled: string[] = []
  const inbox = new Inbox<string>(
    clock,
    { hung: () => pace.hung, delayMs: () => pace.delayMs },
    (item) => {
      handled.push(`${item}@${clock.now()}`)
      return deafMs
    },
  )
  return { clock, pace, handled, inbox }
}

test('a hung device handles what has waited, in order, once it goes on', () => {
  const { pace, handled, inbox } = build()
  pace.hung = true
  for (const item of ['a', 'b', 'c']) inbox.push(item)
  expect(handled).toEqual([])
  pace.hung = false
  inbox.wake()
  expect(handled).toEqual(['a@0', 'b@0', 'c@0'])
})

test('a slow device takes up one after the other', () => {
  const { clock, pace, handled, inbox } = build()
  pace.delayMs = 700
  for (const item of ['a', 'b']) inbox.push(item)
  clock.advance(2_000)
  expect(handled).toEqual(['a@700', 'b@1400'])
})

test('a device is deaf for as long as it works', () => {
  const { clock, handled, inbox } = build(300)
  for (const item of ['a', 'b']) inbox.push(item)
  clock.advance(1_000)
  expect(handled).toEqual(['a@0', 'b@300'])
})

test('a device that hangs while it is slow keeps what it had not begun', () => {
  const { clock, pace, handled, inbox } = build()
  pace.delayMs = 100
  inbox.push('a')
  pace.hung = true
  clock.advance(1_000)
  expect(handled).toEqual([])
  pace.hung = false
  inbox.wake()
  clock.advance(100)
  expect(handled).toEqual(['a@1100'])
})

test('a hung device holds no more than a socket buffer would', () => {
  const { pace, handled, inbox } = build()
  pace.hung = true
  for (let i = 0; i < 10_000; i++) inbox.push(`${i}`)
  pace.hung = false
  inbox.wake()
  expect(handled).toHaveLength(256)
})
