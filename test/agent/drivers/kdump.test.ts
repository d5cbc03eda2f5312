import { createSocket } from 'node:dgram'
import fc from 'fast-check'
import { afterEach, describe, expect, test } from 'vitest'
import {
  createStopNoticeListener,
  type Rejection,
  refuseStopNotice,
  type StopNotice,
} from '../../../agent/drivers/kdump.ts'
import type { Clock } from '../../../core/ports.ts'
import { nodeClock } from '../../../runtime/node.ts'

/** As captured from fence_kdump_send on x86. */
const CAPTURED = Buffer.from('402a301b01000000', 'hex')
const BIG_ENDIAN = Buffer.from('1b302a4000000001', 'hex')

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

describe('a stop notice', () => {
  test('is taken in either byte order', () => {
    expect(refuseStopNotice(CAPTURED)).toBeUndefined()
    expect(refuseStopNotice(BIG_ENDIAN)).toBeUndefined()
  })

  test('is taken from the middle of a larger buffer', () => {
    const inside = Buffer.concat([Buffer.alloc(3), CAPTURED]).subarray(3)
    expect(refuseStopNotice(inside)).toBeUndefined()
  })

  test.each([
    ['', '0 bytes, a stop notice has 8'],
    ['402a301b010000', '7 bytes, a stop notice has 8'],
    ['402a301b0100000000', '9 bytes, a stop notice has 8'],
    ['402a301b02000000', 'version 2, known is 1'],
    ['1b302a4001000000', 'version 16777216, known is 1'],
    ['402a301b00000001', 'version 16777216, known is 1'],
    ['5555555501000000', 'not the magic number'],
    ['aaaaaaaaaaaaaaaa', 'not the magic number'],
  ])('is not %j, and the reason is told', (hex, reason) => {
    expect(refuseStopNotice(Buffer.from(hex, 'hex'))).toBe(reason)
  })

  test('is nothing but its two exact forms', () => {
    const forms = [CAPTURED.toString('hex'), BIG_ENDIAN.toString('hex')]
    const nearly = fc
      .tuple(fc.constantFrom(CAPTURED, BIG_ENDIAN), fc.nat(7), fc.nat(255))
      .map(([bytes, at, value]) => Buffer.from(bytes).fill(value, at, at + 1))
    const anything = fc.uint8Array({ maxLength: 20 }).map((bytes) => Buffer.from(bytes))
    fc.assert(
      fc.property(fc.oneof(nearly, anything), (bytes) => {
        expect(refuseStopNotice(bytes) === undefined).toBe(forms.includes(bytes.toString('hex')))
      }),
      { numRuns: 2_000 },
    )
  })
})

async function listen(options: { address?: string; clock?: Clock } = {}) {
  const notices: StopNotice[] = []
  const rejections: Rejection[] = []
  const listener = await createStopNoticeListener({
    clock: nodeClock,
    ...options,
    port: 0,
    heard: (notice) => notices.push(notice),
    rejected: (rejection) => rejections.push(rejection),
  })
  closing.push(() => listener.close())
  return { listener, notices, rejections }
}

async function send(port: number, ...datagrams: Buffer[]) {
  const socket = createSocket('udp4')
  for (const bytes of datagrams) {
    await new Promise((resolve) => socket.send(bytes, port, '127.0.0.1', resolve))
  }
  const { port: from } = socket.address()
  await new Promise<void>((resolve) => socket.close(resolve))
  return from
}

test.each([['127.0.0.1'], [undefined]])(
  'a notice to a listener on %s comes with its plain IPv4 source and the instant of reading',
  async (address) => {
    const { listener, notices } = await listen(address === undefined ? {} : { address })
    const before = nodeClock.now()
    const from = await send(listener.port, CAPTURED)
    await expect.poll(() => notices.length).toBe(1)
    expect(notices[0]).toMatchObject({ address: '127.0.0.1', port: from })
    expect(notices[0]?.at).toBeGreaterThanOrEqual(before)
    expect(notices[0]?.wall).toMatch(/^\d{4}-\d\d-\d\dT.*Z$/)
  },
)

test('what is no notice is dropped, counted, and told at most every ten seconds', async () => {
  let now = 0
  const clock: Clock = { ...nodeClock, now: () => now }
  const { listener, notices, rejections } = await listen({ clock })
  await send(listener.port, Buffer.from('a'), Buffer.from('b'), Buffer.from('c'), CAPTURED)
  await expect.poll(() => notices.length).toBe(1)
  expect(rejections).toEqual([
    { count: 1, address: '127.0.0.1', reason: '1 bytes, a stop notice has 8' },
  ])
  now = 10_000
  await send(listener.port, Buffer.from('de'))
  await expect.poll(() => rejections.length).toBe(2)
  expect(rejections[1]).toMatchObject({ count: 3, reason: '2 bytes, a stop notice has 8' })
})

test('a notice that may have lain unread while the process stood still is as old as that may be', async () => {
  let now = 0
  let turn: () => void = () => {}
  const clock: Clock = {
    ...nodeClock,
    now: () => now,
    after: (_, callback) => {
      turn = callback
      return () => {}
    },
  }
  const { listener, notices } = await listen({ clock })
  const read = async () => {
    const { length } = notices
    await send(listener.port, CAPTURED)
    await expect.poll(() => notices.length).toBe(length + 1)
    return notices.at(-1)?.at
  }
  now = 600
  expect(await read()).toBe(600)
  turn()
  now = 60_000
  expect(await read(), 'read before the first turn').toBe(600)
  turn()
  expect(await read(), 'read in the first turn').toBe(600)
  now = 60_250
  turn()
  expect(await read()).toBe(60_250)
})

test('a port that is taken is an error at once', async () => {
  const { listener } = await listen({ address: '127.0.0.1' })
  const again = createStopNoticeListener({
    address: '127.0.0.1',
    port: listener.port,
    clock: nodeClock,
    heard: () => {},
  })
  await expect(again).rejects.toMatchObject({ code: 'EADDRINUSE' })
})
