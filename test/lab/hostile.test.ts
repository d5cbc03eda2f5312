// Nothing that the network can send stops a device, fills its memory or moves anything.
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { parseDatagram } from '../../lab/bmc/datagram.ts'
import { PduModel } from '../../lab/model/pdu.ts'
import { objectsOf } from '../../lab/pdu/families.ts'
import { buildCommunity } from '../../lab/pdu/message.ts'
import { Mib } from '../../lab/pdu/mib.ts'
import { UNIT } from '../../lab/pdu/protocol-unit.ts'
import { SnmpResponder } from '../../lab/pdu/responder.ts'
import { buildBmc, getConsole } from './bmc/console.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'

const RUNS = { numRuns: 3_000 }

/** A good datagram with a few bytes changed and perhaps cut: deeper than pure noise gets. */
function nearly(good: Buffer) {
  return fc
    .tuple(
      fc.array(fc.tuple(fc.nat(good.length - 1), fc.nat(255)), { maxLength: 6 }),
      fc.nat(good.length),
    )
    .map(([changes, cut]) => {
      const bytes = Buffer.from(good)
      for (const [at, value] of changes) bytes.writeUInt8(value, at)
      return bytes.subarray(0, good.length - (cut % 7))
    })
}

const noise = fc.uint8Array({ maxLength: 300 }).map((bytes) => Buffer.from(bytes))

test('a BMC survives noise and damaged datagrams, and still serves its session', () => {
  const { responder, server } = buildBmc()
  const session = getConsole(responder)
  const open = Buffer.from(`0600ff070610${'00'.repeat(8)}2000${'00'.repeat(32)}`, 'hex')
  const ask = Buffer.from('0600ff07000000000000000000092018c88100388e04b5', 'hex')
  const damaged = [open, ask, session.request(0x00, 0x02, [3])].map(nearly)
  fc.assert(
    fc.property(fc.oneof(noise, ...damaged), (datagram) => {
      responder.handle(datagram)
    }),
    RUNS,
  )
  expect(responder.sessionCount).toBeLessThanOrEqual(4)
  expect(server.bmc.controls.list()).toEqual([])
  expect(session.ask(0x00, 0x01)?.code).toBe(0)
})

test('noise is no datagram unless it says so in its first bytes', () => {
  fc.assert(
    fc.property(noise, (datagram) => {
      const parsed = parseDatagram(datagram)
      expect(parsed === undefined || datagram[0] === 6).toBe(true)
    }),
    RUNS,
  )
})

test('a PDU survives noise and damaged requests, and moves only on a sound SET', () => {
  const clock = new VirtualClock()
  const pdu = new PduModel('pdu', 4, clock)
  const users = [
    {
      user: 'palisade',
      auth: { protocol: 'sha256', password: 'authpass123' },
      priv: { protocol: 'aes', password: 'privpass123' },
    } as const,
  ]
  const responder = new SnmpResponder(
    new Mib(objectsOf('ibm-ipdu', pdu, () => clock.now())),
    { community: 'private', users },
    Buffer.from('80000000050102030405', 'hex'),
    { clock, random: seededRandom('pdu') },
  )
  const ask = (type: number, repetitions: number) =>
    buildCommunity({
      version: 2,
      community: Buffer.from('private'),
      unit: {
        type,
        requestId: 1,
        errorStatus: 0,
        errorIndex: repetitions,
        varbinds: [{ oid: [1, 3, 6, 1, 2, 1, 1, 1, 0], value: { type: 'null' } }],
      },
    })
  const get = ask(UNIT.get, 0)
  const bulk = ask(UNIT.getBulk, 0x7fffffff)
  const discovery = Buffer.from(
    '304f020103301102043dee3413020300ffe30401040201030410300e04000201000201000400040004003025041180001f8880ecd43036fc09006b000000000400a00e02043f7a78170201000201003000',
    'hex',
  )
  fc.assert(
    fc.property(fc.oneof(noise, ...[get, bulk, discovery].map(nearly)), (datagram) => {
      const reply = responder.handle(datagram)
      expect(reply?.length ?? 0).toBeLessThan(8_000)
    }),
    RUNS,
  )
  expect(pdu.orders.list()).toEqual([])
  expect(responder.handle(get)?.length).toBeGreaterThan(30)
  expect(responder.handle(bulk)?.length).toBeGreaterThan(100)
  expect(responder.handle(discovery)?.length).toBeGreaterThan(60)
})
