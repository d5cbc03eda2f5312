import { expect, test } from 'vitest'
import { ReadLane } from '../../../../agent/drivers/snmp/read-lane.ts'
import type { Clock } from '../../../../core/ports.ts'

/** Time that stands still until it is moved. */
function virtualClock() {
  let now = 0
  const timers = new Set<{ at: number; callback: () => void }>()
  const clock: Clock = {
    now: () => now,
    wall: () => '1970-01-01T00:00:00Z',
    wallMs: () => now,
    after(delayMs, callback) {
      const timer = { at: now + delayMs, callback }
      timers.add(timer)
      return () => timers.delete(timer)
    },
  }
  async function pass(ms: number) {
    now += ms
    for (const timer of timers) {
      if (timer.at > now) continue
      timers.delete(timer)
      timer.callback()
    }
    await new Promise(setImmediate)
  }
  return { clock, pass, timers }
}

function job<T>() {
  const { promise, resolve, reject } = Promise.withResolvers<T>()
  let started = false
  const run = () => {
    started = true
    return promise
  }
  return { run, resolve, reject, started: () => started }
}

test('a read waits for the one under way, and then runs', async () => {
  const { clock, pass, timers } = virtualClock()
  const lane = new ReadLane(clock)
  const [first, second] = [job<string>(), job<string>()]
  const one = lane.run(first.run, 1_000)
  const two = lane.run(second.run, 1_000)
  expect([first.started(), second.started(), lane.idle]).toEqual([true, false, false])
  first.resolve('first')
  expect(await one).toBe('first')
  await pass(0)
  expect(second.started()).toBe(true)
  second.resolve('second')
  expect(await two).toBe('second')
  await pass(0)
  expect(lane.idle).toBe(true)
  expect(timers.size).toBe(0)
})

test('a read whose turn does not come in its time is never asked', async () => {
  const { clock, pass } = virtualClock()
  const lane = new ReadLane(clock)
  const [first, second] = [job<string>(), job<string>()]
  const one = lane.run(first.run, 5_000)
  const two = lane.run(second.run, 1_000)
  await pass(1_000)
  expect(await two).toBeUndefined()
  first.resolve('late')
  expect(await one).toBe('late')
  await pass(0)
  expect(second.started()).toBe(false)
  expect(lane.idle).toBe(true)
})

test('a read that fails does not block the next', async () => {
  const { clock, pass } = virtualClock()
  const lane = new ReadLane(clock)
  const [first, second] = [job<string>(), job<string>()]
  const one = lane.run(first.run, 1_000)
  const two = lane.run(second.run, 1_000)
  first.reject(new Error('broken'))
  await expect(one).rejects.toThrow('broken')
  await pass(0)
  second.resolve('fine')
  expect(await two).toBe('fine')
})

test('of endless reads only sixty-four wait', async () => {
  const { clock } = virtualClock()
  const lane = new ReadLane(clock)
  const never = job<string>()
  const reads = Array.from({ length: 65 }, () => lane.run(never.run, 1_000))
  expect(await lane.run(never.run, 1_000)).toBeUndefined()
  expect(reads).toHaveLength(65)
})
