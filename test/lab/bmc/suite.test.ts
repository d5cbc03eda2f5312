// Known answers of spec protocols.md §1.9, made with formulas that were proved against other software.
import { expect, test } from 'vitest'
import { parseDatagram } from '../../../lab/bmc/datagram.ts'
import { openPacket, sealPacket } from '../../../lab/bmc/session.ts'
import {
  type Exchange,
  rakp2Mac,
  rakp3Mac,
  rakp4Icv,
  SUITE_3,
  SUITE_17,
  sessionKeys,
  userKeyOf,
} from '../../../lab/bmc/suite.ts'

const run = (from: number) => Buffer.from(Array.from({ length: 16 }, (_, i) => from + i))

const EXCHANGE: Exchange = {
  consoleId: 0xa4a3a2a1,
  bmcId: 0x04030201,
  consoleRandom: run(0x10),
  bmcRandom: run(0x20),
  guid: run(0x30),
  role: 0x14,
  user: Buffer.from('admin'),
}
const USER_KEY = userKeyOf('Pal1sade')
const MESSAGE = Buffer.from('2000e08104017a', 'hex')

const KNOWN = [
  {
    suite: SUITE_3,
    rakp2: '6ad6c01b5ed94dbb7d90abb73fb5f86705a24eb2',
    rakp3: '43a165f645e279e2ae905893e582afc33b1a4395',
    sik: '458ca4bba202f9c546d83dd280dfda4a4b5fb49c',
    k1: '4274da267667c0f75f3a90c3dac57a1b64c9239c',
    k2: '4ddfa0a4d374c7d997b37bfa9ab530e7cce01d9a',
    icv: '2ed3c375eed47d154a2c30cc',
    sikWithKg: '3f8667ab43c23f9af9379576481a50a9384658d8',
    datagram:
      '0600ff0706c001020304010000002000404142434445464748494a4b4c4d4e4f6fadcf10e63ec6d3c049fe129a3c120cffff020731b96c7f2db4b43fc12c9af1',
  },
  {
    suite: SUITE_17,
    rakp2: '48121a28d12ea375209919f07a5b483a0d8a0c0ec43360c1a675c29575dafac4',
    rakp3: '1a264a13ae51205a409badd3d9c8ebd945490457a7d01620290b46f35d7d2757',
    sik: '27b3777664c68d76d81c851f9a6e76fce76a6bf2c93fc442182719e25d0945fa',
    k1: '5b82e14cb4f067440422d5c87c87518f8e4468147ebae0f5427e84255f62fef5',
    k2: '1f01fe9e93bd905a661af7d923935a3ba579b0b16b5190e3ae3613c15911ccd3',
    icv: '3c7ed15395532f287f7a4245215f2903',
    sikWithKg: '349447ddc80ef275d24499a9311b9bdd001b331584d3189bb4942f1717fa913b',
    datagram:
      '0600ff0706c001020304010000002000404142434445464748494a4b4c4d4e4f794362c365af8f045f92f6808ff6fdedffff020790e19aa99ee4aa22f46941c6f0afff8a',
  },
]

const hex = (bytes: Uint8Array) => Buffer.from(bytes).toString('hex')

test.each(KNOWN)('suite $suite.id makes the known proofs and keys', (known) => {
  const { suite } = known
  const keys = sessionKeys(suite, USER_KEY, EXCHANGE)
  expect(hex(rakp2Mac(suite, USER_KEY, EXCHANGE))).toBe(known.rakp2)
  expect(hex(rakp3Mac(suite, USER_KEY, EXCHANGE))).toBe(known.rakp3)
  expect([hex(keys.sik), hex(keys.k1), hex(keys.k2)]).toEqual([known.sik, known.k1, known.k2])
  expect(hex(rakp4Icv(suite, keys.sik, EXCHANGE))).toBe(known.icv)
  const kg = Buffer.from('KgKgKgKgKgKgKgKgKgKg')
  expect(hex(sessionKeys(suite, kg, EXCHANGE).sik)).toBe(known.sikWithKg)
})

test.each(KNOWN)('suite $suite.id seals the known datagram and opens it again', (known) => {
  const keys = sessionKeys(known.suite, USER_KEY, EXCHANGE)
  const sealing = { sessionId: EXCHANGE.bmcId, sequence: 1, iv: run(0x40) }
  const sealed = sealPacket(known.suite, keys, sealing, MESSAGE)
  expect(hex(sealed)).toBe(known.datagram)
  const parsed = parseDatagram(sealed)
  if (parsed?.format !== 'v20') throw new Error('not parsed as IPMI 2.0')
  expect(parsed).toMatchObject({ sessionId: EXCHANGE.bmcId, sequence: 1, payloadType: 0 })
  expect(openPacket(known.suite, keys, parsed)).toEqual(MESSAGE)
})

test.each(KNOWN)('suite $suite.id refuses a datagram with any one bit flipped', (known) => {
  const keys = sessionKeys(known.suite, USER_KEY, EXCHANGE)
  const good = Buffer.from(known.datagram, 'hex')
  // The first four bytes are RMCP's, which no integrity code covers.
  for (let bit = 32; bit < good.length * 8; bit++) {
    const bad = Buffer.from(good)
    bad.writeUInt8(bad.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3)
    const parsed = parseDatagram(bad)
    const opened = parsed?.format === 'v20' ? openPacket(known.suite, keys, parsed) : undefined
    expect(opened, `bit ${bit}`).toBeUndefined()
  }
})

test.each(KNOWN)('suite $suite.id refuses a datagram cut anywhere', (known) => {
  const keys = sessionKeys(known.suite, USER_KEY, EXCHANGE)
  const good = Buffer.from(known.datagram, 'hex')
  for (let length = 0; length < good.length; length++) {
    const parsed = parseDatagram(good.subarray(0, length))
    const opened = parsed?.format === 'v20' ? openPacket(known.suite, keys, parsed) : undefined
    expect(opened, `${length} bytes`).toBeUndefined()
  }
})

test.each(Array.from({ length: 40 }, (_, i) => i + 7))(
  'a message of %i bytes comes back whole',
  (length) => {
    const keys = sessionKeys(SUITE_17, USER_KEY, EXCHANGE)
    const message = Buffer.from(Array.from({ length }, (_, i) => i))
    const sealed = sealPacket(SUITE_17, keys, { sessionId: 1, sequence: 9, iv: run(1) }, message)
    const parsed = parseDatagram(sealed)
    if (parsed?.format !== 'v20') throw new Error('not parsed as IPMI 2.0')
    expect(openPacket(SUITE_17, keys, parsed)).toEqual(message)
  },
)
