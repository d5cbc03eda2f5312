import { expect, test } from 'vitest'
import { HubAlarm } from '../../edge/hub-alarm.ts'

/** An alarm whose looks are answered by the test, and what it was set for. */
function alarmOf() {
  const set: (number | undefined)[] = []
  const looks: ((atMs: number) => void)[] = []
  const alarm = new HubAlarm(
    (atMs) => void set.push(atMs),
    () => new Promise((resolve) => looks.push(resolve)),
  )
  return { alarm, set, looks }
}

async function armedFor(atMs: number) {
  const rig = alarmOf()
  const arming = rig.alarm.arm()
  rig.looks.shift()?.(atMs)
  await arming
  return rig
}

test('is moved forward without a look, never back, and set each time', async () => {
  const { alarm, set, looks } = await armedFor(1000)
  await alarm.armBy(2000)
  await alarm.armBy(500)
  await alarm.armBy(800)
  expect(set).toEqual([1000, 1000, 500, 500])
  expect(looks).toHaveLength(0)
})

test('is looked up when it is not known: before the first look, and after it rang', async () => {
  const { alarm, set, looks } = alarmOf()
  const first = alarm.armBy(500)
  looks.shift()?.(400)
  await first
  alarm.rung()
  const second = alarm.armBy(600)
  looks.shift()?.(Number.POSITIVE_INFINITY)
  await second
  expect(set).toEqual([400, undefined])
})

test('an older look does not put back what a newer one found', async () => {
  const { alarm, set, looks } = alarmOf()
  const [older, newer] = [alarm.arm(), alarm.arm()]
  looks[1]?.(300)
  await newer
  looks[0]?.(Number.POSITIVE_INFINITY)
  await older
  expect(set).toEqual([300])
})

test('a look that fails leaves it to be set for another look', async () => {
  const set: (number | undefined)[] = []
  const alarm = new HubAlarm(
    (atMs) => void set.push(atMs),
    () => Promise.reject(new Error('no database')),
  )
  await expect(alarm.arm()).rejects.toThrow('no database')
  await alarm.lookAgainAt(700)
  await alarm.armBy(900)
  expect(set).toEqual([700, 700])
})
