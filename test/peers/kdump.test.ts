// The stock sender of the package fence-agents against our listener.
import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import {
  createStopNoticeListener,
  type StopNotice,
  type StopNoticeListener,
} from '../../agent/drivers/kdump.ts'
import { findNoticeSystem } from '../../core/stop-notice.ts'
import { nodeClock } from '../../runtime/node.ts'

const SENDER = '/usr/libexec/fence-agents/fence_kdump_send'
const run = promisify(execFile)

let listener: StopNoticeListener | undefined
afterEach(() => listener?.close())

async function listen() {
  const notices: StopNotice[] = []
  listener = await createStopNoticeListener({
    port: 0,
    clock: nodeClock,
    heard: (notice) => notices.push(notice),
  })
  return { port: String(listener.port), notices }
}

test('every datagram of fence_kdump_send is heard as a stop notice from its address', async () => {
  const { port, notices } = await listen()
  await run(SENDER, ['-p', port, '-c', '2', '-i', '1', '127.0.0.1'])
  await expect.poll(() => notices.length).toBe(2)
  expect(notices.map(({ address }) => address)).toEqual(['127.0.0.1', '127.0.0.1'])
  const [first, second] = notices
  expect((second?.at ?? 0) - (first?.at ?? 0)).toBeGreaterThan(900)
})

test('over IPv6 too', async () => {
  const { port, notices } = await listen()
  await run(SENDER, ['-p', port, '-f', 'ipv6', '-c', '1', '::1'])
  await expect.poll(() => notices.length).toBe(1)
  expect(notices[0]?.address).toBe('::1')
})

test('it stands for the system registered at that address, and for no other', async () => {
  const { port, notices } = await listen()
  await run(SENDER, ['-p', port, '-c', '1', '127.0.0.1'])
  await expect.poll(() => notices.length).toBe(1)
  const [notice] = notices
  if (!notice) throw new Error('nothing heard')
  const here = { number: 1, address: '127.0.0.1' }
  const elsewhere = { number: 2, address: '127.0.0.9' }
  expect(findNoticeSystem([here, elsewhere], notice)).toBe(here)
  expect(findNoticeSystem([elsewhere], notice)).toBeUndefined()
})
