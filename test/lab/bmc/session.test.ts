import { expect, test } from 'vitest'
import { parseDatagram } from '../../../lab/bmc/datagram.ts'
import { buildReply, parseRequest } from '../../../lab/bmc/message.ts'
import { SequenceWindow } from '../../../lab/bmc/session.ts'

test('each sequence number is taken once, in or out of order, and never zero', () => {
  const window = new SequenceWindow()
  expect([3, 4, 1, 4, 2, 3, 0].map((n) => window.take(n))).toEqual([
    true,
    true,
    true,
    false,
    true,
    false,
    false,
  ])
})

test('far ahead and far behind are dropped', () => {
  const window = new SequenceWindow()
  expect(window.take(17)).toBe(false)
  expect(window.take(16)).toBe(true)
  expect(window.take(32)).toBe(true)
  expect(window.take(16)).toBe(false)
  expect(window.take(17)).toBe(true)
})

test('after the largest number comes one, and the old ones stay used', () => {
  const window = new SequenceWindow(0xfffffffd)
  expect([0xfffffffe, 0xffffffff, 0, 1, 2].map((n) => window.take(n))).toEqual([
    true,
    true,
    false,
    true,
    true,
  ])
  expect([0xfffffffe, 0xffffffff, 1].map((n) => window.take(n))).toEqual([false, false, false])
})

test('the question before a session, as ipmi_sim takes it, is understood', () => {
  const raw = Buffer.from('0600ff0700000000000000000009' + '2018c88100388e04b5', 'hex')
  const datagram = parseDatagram(raw)
  if (datagram?.format !== 'v15') throw new Error('not parsed as IPMI 1.5')
  expect(parseRequest(datagram.message)).toMatchObject({
    netFn: 0x06,
    command: 0x38,
    requester: 0x81,
    responder: 0x20,
    body: Buffer.from('8e04', 'hex'),
  })
})

test('a wrong checksum or a response is no request', () => {
  const good = Buffer.from('2018c88100388e04b5', 'hex')
  for (let at = 0; at < good.length; at++) {
    const bad = Buffer.from(good)
    bad.writeUInt8(bad.readUInt8(at) ^ 1, at)
    expect(parseRequest(bad), `byte ${at}`).toBeUndefined()
  }
  const request = parseRequest(good)
  if (!request) throw new Error('the good one was refused')
  expect(parseRequest(buildReply(request, 0, []))).toBeUndefined()
})

test('an ASF ping is recognised and other ASF is not', () => {
  expect(parseDatagram(Buffer.from('0600ff06000011be80070000', 'hex'))).toEqual({
    format: 'asf-ping',
    tag: 7,
  })
  expect(parseDatagram(Buffer.from('0600ff06000011be40070000', 'hex'))).toBeUndefined()
})
