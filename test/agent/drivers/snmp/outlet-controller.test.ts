/// <reference path="../../../../agent/drivers/snmp/net-snmp.d.ts" />
// The controller against devices that misbehave; well-behaved ones are in test/peers/snmpd.test.ts.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { Authentication } from 'net-snmp'
import { afterEach, expect, test } from 'vitest'
import type { Link } from '../../../../agent/drivers/driver.ts'
import {
  createSnmpOutletController,
  type SnmpAccess,
} from '../../../../agent/drivers/snmp/outlet-controller.ts'
import type { Clock } from '../../../../core/ports.ts'
import { nodeClock, nodeRandom } from '../../../../runtime/node.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

function controllerOf(
  port: number,
  snmp: SnmpAccess,
  { model = 'apc-rpdu', address = '127.0.0.1', clock = nodeClock } = {},
) {
  const links: Link[] = []
  const heardAt: number[] = []
  const pdu = createSnmpOutletController({
    name: 'pdu1',
    address,
    port,
    model,
    snmp,
    clock,
    random: nodeRandom,
    events: {
      linkChanged: (link) => links.push(link),
      heard: (askedAt) => heardAt.push(askedAt),
    },
  })
  closing.push(() => pdu.close())
  return { pdu, links, heardAt }
}

/** Ten times as fast, so that the three seconds of silence are short. */
const fastClock: Clock = {
  ...nodeClock,
  now: () => nodeClock.now() * 10,
  after: (delayMs, callback) => nodeClock.after(delayMs / 10, callback),
}

/** A device that answers each datagram with what `reply` makes of it. */
async function deviceOf(reply: (asked: Buffer) => Buffer[]) {
  const socket = createSocket('udp4')
  const asked: Buffer[] = []
  socket.on('message', (bytes, { port, address }) => {
    asked.push(bytes)
    for (const answer of reply(bytes)) socket.send(answer, port, address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  closing.push(() => new Promise<void>((resolve) => socket.close(resolve)))
  return { port: socket.address().port, asked }
}

const V2C: SnmpAccess = { version: '2c', community: 'secret99' }
const V3: SnmpAccess = {
  version: '3',
  user: 'palisade',
  level: 'authPriv',
  auth: { protocol: 'sha512', password: 'first-secret' },
  priv: { protocol: 'aes256r', password: 'second-secret' },
}

/** A report that tells an engine with boots and time of zero, in answer to the message asked. */
function reportOf(asked: Buffer): Buffer {
  const msgId = asked.indexOf(Buffer.from([0x02, 0x01, 0x03, 0x30])) + 5
  const idLength = asked[msgId + 1] ?? 0
  const id = asked.subarray(msgId, msgId + 2 + idLength)
  const tlv = (tag: number, ...parts: Buffer[]) => {
    const body = Buffer.concat(parts)
    return Buffer.concat([Buffer.from([tag, body.length]), body])
  }
  const integer = (value: number) => tlv(2, Buffer.from([value]))
  const engine = tlv(4, Buffer.from('8000000001020304', 'hex'))
  const empty = tlv(4)
  const oid = tlv(6, Buffer.from([0x2b, 6, 1, 6, 3, 15, 1, 1, 4, 0]))
  const varbinds = tlv(0x30, tlv(0x30, oid, tlv(0x41, Buffer.from([1]))))
  const report = tlv(0xa8, integer(1), integer(0), integer(0), varbinds)
  return tlv(
    0x30,
    integer(3),
    tlv(0x30, id, tlv(2, Buffer.from([0, 0xff, 0xe3])), tlv(4, Buffer.from([0])), integer(3)),
    tlv(4, tlv(0x30, engine, integer(0), integer(0), empty, empty, empty)),
    tlv(0x30, engine, empty, report),
  )
}

test('an unknown model is an error that lists the known ones', () => {
  expect(() => controllerOf(161, V2C, { model: 'apc' })).toThrow(
    /PDU pdu1: model "apc" is unknown.*apc-rpdu2/,
  )
})

test('nothing is armed before the identity is proven', async () => {
  const device = await deviceOf(() => [])
  const { pdu } = controllerOf(device.port, V2C)
  expect(pdu.link.state).toBe('connecting')
  expect(pdu.arm(1, 'off')).toBeUndefined()
  pdu.start()
  expect(await pdu.ready(100)).toBe(false)
  expect(pdu.arm(1, 'off')).toBeUndefined()
})

test('a question about no outlets is an error: nothing read is not all off', async () => {
  const { pdu } = controllerOf(9, V2C)
  await expect(pdu.read([], 100)).rejects.toThrow(RangeError)
})

test('garbage is no answer: the link goes down, nothing is heard and nothing breaks', async () => {
  const garbage = [
    Buffer.alloc(0),
    Buffer.from('30', 'hex'),
    Buffer.from('3084ffffffff', 'hex'),
    Buffer.alloc(2_000, 0x30),
    Buffer.from('300302010a', 'hex'),
    Buffer.from('aaaa5555', 'hex'),
  ]
  const device = await deviceOf((asked) => [
    ...garbage,
    asked,
    ...Array.from(asked.keys(), (at) => Buffer.from(asked).fill(0xff, at, at + 1)),
    ...Array.from(asked.keys(), (at) => asked.subarray(0, at)),
  ])
  const { pdu, heardAt } = controllerOf(device.port, V2C, { clock: fastClock })
  pdu.start()
  expect(await pdu.ready(6_000)).toBe(false)
  expect(pdu.link).toMatchObject({ state: 'down', permanent: false })
  expect(heardAt).toEqual([])
})

test('an SNMPv3 device that reports for ever gets no flood in return', async () => {
  const device = await deviceOf((asked) => [reportOf(asked)])
  const { pdu, links } = controllerOf(device.port, V3)
  pdu.start()
  expect(await pdu.ready(6_000)).toBe(false)
  expect(device.asked.length).toBeGreaterThan(2)
  expect(device.asked.length).toBeLessThan(60)
  expect(JSON.stringify(links)).not.toContain('secret')
})

test.each(['127.0.0.1', '::1'])(
  'a closed port at %s is a link that is down, not an error',
  async (address) => {
    const device = await deviceOf(() => [])
    for (const close of closing.splice(0)) await close()
    const { pdu } = controllerOf(device.port, V2C, { address, clock: fastClock })
    pdu.start()
    expect(await pdu.ready(6_000)).toBe(false)
    expect(pdu.link.detail).toContain(`no answer from ${address} port ${device.port}`)
  },
)

test('a read of a silent device ends in its time, as silence', async () => {
  const device = await deviceOf(() => [])
  const { pdu } = controllerOf(device.port, V2C)
  pdu.start()
  const before = nodeClock.now()
  const read = await pdu.read([1], 300)
  const tookMs = nodeClock.now() - before
  expect(read.value).toBe('silent')
  expect(tookMs).toBeGreaterThan(290)
  expect(tookMs).toBeLessThan(1_000)
})

test('close ends a read under way at its time at the latest, and arms nothing more', async () => {
  const device = await deviceOf(() => [])
  const { pdu } = controllerOf(device.port, V2C)
  pdu.start()
  const read = pdu.read([1], 500)
  await pdu.close()
  await pdu.close()
  expect((await read).value).toBe('silent')
  expect(pdu.arm(1, 'off')).toBeUndefined()
  expect(await pdu.ready(100)).toBe(false)
})

test('start a second time opens nothing', async () => {
  const device = await deviceOf(() => [])
  const { pdu } = controllerOf(device.port, V2C)
  pdu.start()
  pdu.start()
  await pdu.ready(500)
  expect(device.asked).toHaveLength(1)
})

test('engines that a device invents do not pile up in memory', async () => {
  const keys = Array.from({ length: 1_100 }, (_, index) => [`invented ${index}`, Buffer.alloc(1)])
  Object.assign(Authentication.authToKeyCache, Object.fromEntries(keys))
  const device = await deviceOf((asked) => [reportOf(asked)])
  const { pdu } = controllerOf(device.port, V3)
  pdu.start()
  await pdu.ready(300)
  expect(Object.keys(Authentication.authToKeyCache).length).toBeLessThan(10)
})
