import { expect, test } from 'vitest'
import { gather, shared } from '../../edge/gather.ts'

function gate() {
  let open = () => {}
  const opened = new Promise<void>((resolve) => {
    open = resolve
  })
  return { open: () => open(), opened }
}

test('what comes during a run goes into the next, in order and bounded, one run at a time', async () => {
  const runs: number[][] = []
  const { open, opened } = gate()
  let running = 0
  let mostRunning = 0
  const ask = gather<number, number>(async (_key, items) => {
    running += 1
    mostRunning = Math.max(mostRunning, running)
    runs.push([...items])
    if (runs.length === 1) await opened
    running -= 1
    return items.map((item) => ({ value: item * 10 }))
  }, 3)
  const answers = Promise.all([1, 2, 3, 4, 5].map((item) => ask('a', item)))
  open()
  expect(await answers).toEqual([10, 20, 30, 40, 50])
  expect(runs).toEqual([[1], [2, 3, 4], [5]])
  expect(mostRunning).toBe(1)
  expect(await ask('a', 6)).toBe(60)
})

test('keys do not wait for each other', async () => {
  const { open, opened } = gate()
  const ask = gather<number, string>(async (key, items) => {
    if (key === 'slow') await opened
    return items.map(() => ({ value: key }))
  }, 10)
  const slow = ask('slow', 1)
  expect(await ask('quick', 1)).toBe('quick')
  open()
  expect(await slow).toBe('slow')
})

test('an item fails alone by its outcome, and with its run when that throws', async () => {
  const { open, opened } = gate()
  const ask = gather<string, string>(async (_key, items) => {
    if (items[0] === 'first') await opened
    if (items.includes('bomb')) throw new Error('the run failed')
    return items.map((item) => (item === 'bad' ? { error: new Error('refused') } : { value: item }))
  }, 2)
  const asked = ['first', 'bad', 'good', 'bomb', 'beside', 'later'].map((item) => ask('k', item))
  open()
  const told = (await Promise.allSettled(asked)).map((one) =>
    one.status === 'fulfilled' ? one.value : String(one.reason),
  )
  expect(told).toEqual([
    'first',
    'Error: refused',
    'good',
    'Error: the run failed',
    'Error: the run failed',
    'later',
  ])
})

test('a look-up is shared by all who ask while another is under way, and never older than its asking', async () => {
  let version = 0
  let looks = 0
  const release: (() => void)[] = []
  const look = shared(async () => {
    looks += 1
    const seen = version
    await new Promise<void>((resolve) => release.push(resolve))
    return seen
  })
  const early = look('k')
  version = 1
  const late = Array.from({ length: 1000 }, () => look('k'))
  const other = look('other')
  for (const go of release.splice(0)) go()
  expect(await early).toBe(0)
  expect(await other).toBe(1)
  await new Promise((resolve) => setImmediate(resolve))
  for (const go of release.splice(0)) go()
  expect(new Set(await Promise.all(late))).toEqual(new Set([1]))
  expect(looks).toBe(3)
})
