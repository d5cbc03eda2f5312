// The layers as bytes: known answers (spec protocols.md §1.9), tables, truncation.
import { describe, expect, test } from 'vitest'
import { chassisControl } from '../../../../agent/drivers/ipmi/chassis-control.ts'
import { SUITE_3, SUITE_17 } from '../../../../agent/drivers/ipmi/cipher-suite.ts'
import { closeSession } from '../../../../agent/drivers/ipmi/close-session.ts'
import {
  describeCompletionCode,
  isPassing,
  provesNotDone,
} from '../../../../agent/drivers/ipmi/completion-code.ts'
import { getChannelAuthenticationCapabilities } from '../../../../agent/drivers/ipmi/get-channel-authentication-capabilities.ts'
import { getChassisStatus } from '../../../../agent/drivers/ipmi/get-chassis-status.ts'
import { getSystemGuid } from '../../../../agent/drivers/ipmi/get-system-guid.ts'
import { checksum, decodeResponse, encodeRequest } from '../../../../agent/drivers/ipmi/message.ts'
import { openPacket, sealPacket } from '../../../../agent/drivers/ipmi/packet.ts'
import {
  decodeOpenSessionResponse,
  decodeRakp2,
  decodeRakp4,
  deriveSessionKeys,
  encodeOpenSessionRequest,
  encodeRakp1,
  encodeRakp3,
  rakp2Mac,
  rakp3Mac,
  rakp4Icv,
  sessionIntegrityKey,
  type Transcript,
} from '../../../../agent/drivers/ipmi/rakp.ts'
import {
  isRmcpIpmi,
  PAYLOAD,
  unwrapV15,
  unwrapV20,
  wrapHandshake,
  wrapV15,
} from '../../../../agent/drivers/ipmi/rmcp.ts'
import { describeStatus } from '../../../../agent/drivers/ipmi/status-code.ts'

const hex = (bytes: Uint8Array | number[]) => Buffer.from(bytes).toString('hex')
const bytes = (text: string) => Buffer.from(text.replaceAll(' ', ''), 'hex')
const run = (first: number) => Uint8Array.from({ length: 16 }, (_, i) => first + i)

const SUITES = { 3: SUITE_3, 17: SUITE_17 }
const KNOWN = {
  3: {
    rakp2: '6ad6c01b5ed94dbb7d90abb73fb5f86705a24eb2',
    rakp3: '43a165f645e279e2ae905893e582afc33b1a4395',
    sik: '458ca4bba202f9c546d83dd280dfda4a4b5fb49c',
    sikWithKg: '3f8667ab43c23f9af9379576481a50a9384658d8',
    k1: '4274da267667c0f75f3a90c3dac57a1b64c9239c',
    k2: '4ddfa0a4d374c7d997b37bfa9ab530e7cce01d9a',
    icv: '2ed3c375eed47d154a2c30cc',
    datagram:
      '0600ff0706c001020304010000002000404142434445464748494a4b4c4d4e4f6fadcf10e63ec6d3c049fe129a3c120cffff020731b96c7f2db4b43fc12c9af1',
  },
  17: {
    rakp2: '48121a28d12ea375209919f07a5b483a0d8a0c0ec43360c1a675c29575dafac4',
    rakp3: '1a264a13ae51205a409badd3d9c8ebd945490457a7d01620290b46f35d7d2757',
    sik: '27b3777664c68d76d81c851f9a6e76fce76a6bf2c93fc442182719e25d0945fa',
    sikWithKg: '349447ddc80ef275d24499a9311b9bdd001b331584d3189bb4942f1717fa913b',
    k1: '5b82e14cb4f067440422d5c87c87518f8e4468147ebae0f5427e84255f62fef5',
    k2: '1f01fe9e93bd905a661af7d923935a3ba579b0b16b5190e3ae3613c15911ccd3',
    icv: '3c7ed15395532f287f7a4245215f2903',
    datagram:
      '0600ff0706c001020304010000002000404142434445464748494a4b4c4d4e4f794362c365af8f045f92f6808ff6fdedffff020790e19aa99ee4aa22f46941c6f0afff8a',
  },
}
const MESSAGE = bytes('2000e08104017a')

describe.each([3, 17] as const)('cipher suite %d', (id) => {
  const suite = SUITES[id]
  const known = KNOWN[id]
  const userKey = Buffer.from('Pal1sade')
  const transcript: Transcript = {
    suite,
    consoleId: 0xa4a3a2a1,
    bmcId: 0x04030201,
    consoleRandom: run(0x10),
    bmcRandom: run(0x20),
    guid: run(0x30),
    role: 0x14,
    username: Buffer.from('admin'),
  }
  const sik = sessionIntegrityKey(userKey, transcript)
  const keys = deriveSessionKeys(suite, sik)

  test('MACs and keys are the known answers', () => {
    expect(hex(rakp2Mac(userKey, transcript))).toBe(known.rakp2)
    expect(hex(rakp3Mac(userKey, transcript))).toBe(known.rakp3)
    expect(hex(sik)).toBe(known.sik)
    expect(hex(sessionIntegrityKey(Buffer.from('Kg'.repeat(10)), transcript))).toBe(known.sikWithKg)
    expect(hex(keys.integrity)).toBe(known.k1)
    expect(hex(keys.encryption)).toBe(known.k2.slice(0, 32))
    expect(hex(rakp4Icv(sik, transcript))).toBe(known.icv)
  })

  test('a session packet is the known datagram, and opens to its message', () => {
    const packet = { sessionId: 0x04030201, sequence: 1, iv: run(0x40), message: MESSAGE }
    expect(hex(sealPacket(keys, packet))).toBe(known.datagram)
    const unwrapped = unwrapV20(bytes(known.datagram))
    expect(unwrapped).toMatchObject({ sessionId: 0x04030201, sequence: 1, payloadType: 0 })
    expect(unwrapped && hex(openPacket(keys, unwrapped) ?? [])).toBe(hex(MESSAGE))
  })

  test('every message length comes back as it went', () => {
    for (let length = 0; length <= 64; length++) {
      const message = Buffer.alloc(length, 0xaa)
      const sealed = sealPacket(keys, { sessionId: 1, sequence: 2, iv: run(0x55), message })
      const packet = unwrapV20(sealed)
      expect(packet && hex(openPacket(keys, packet) ?? [0xff])).toBe(hex(message))
    }
  })

  test('a packet that was altered in any byte, or cut, does not open', () => {
    const datagram = bytes(known.datagram)
    for (let at = 4; at < datagram.length; at++) {
      const altered = Buffer.from(datagram)
      altered.writeUInt8(altered.readUInt8(at) ^ 0x01, at)
      const packet = unwrapV20(altered)
      expect(packet && openPacket(keys, packet), `byte ${at}`).toBeUndefined()
    }
    for (let length = 0; length < datagram.length; length++) {
      const packet = unwrapV20(datagram.subarray(0, length))
      expect(packet && openPacket(keys, packet), `${length} bytes`).toBeUndefined()
    }
  })

  test('a packet without the authenticated or the encrypted flag does not open', () => {
    for (const type of [0x00, 0x40, 0x80]) {
      const datagram = bytes(known.datagram)
      datagram.writeUInt8(type, 5)
      const packet = unwrapV20(datagram)
      expect(packet && openPacket(keys, packet)).toBeUndefined()
    }
  })

  test('Open Session Request has the three records', () => {
    const request = { tag: 0xaa, privilege: 4, consoleId: 0xa4a3a2a1, suite }
    const algorithms = id === 3 ? ['01', '01'] : ['03', '04']
    expect(hex(encodeOpenSessionRequest(request))).toBe(
      `aa040000a1a2a3a400000008${algorithms[0]}00000001000008${algorithms[1]}0000000200000801000000`,
    )
  })

  test('Open Session Response decodes; cut short it is nothing', () => {
    const response = bytes(
      'aa000400 a1a2a3a4 01020304 0000000803000000 0100000804000000 0200000801000000',
    )
    expect(decodeOpenSessionResponse(response)).toEqual({
      tag: 0xaa,
      status: 0,
      consoleId: 0xa4a3a2a1,
      bmcId: 0x04030201,
      authentication: 3,
      integrity: 4,
      confidentiality: 1,
    })
    for (let length = 0; length < 36; length++) {
      expect(decodeOpenSessionResponse(response.subarray(0, length))).toBeUndefined()
    }
  })

  test('a refusal is read from two bytes on, whatever follows', () => {
    expect(decodeOpenSessionResponse(bytes('5511'))).toEqual({ tag: 0x55, status: 0x11 })
    expect(decodeRakp2(suite, bytes('550d0000 a1a2a3a4'))).toMatchObject({
      status: 0x0d,
      consoleId: 0xa4a3a2a1,
    })
    const filler = Buffer.concat([bytes('550f0000 a1a2a3a4'), Buffer.alloc(suite.icvBytes, 0xaa)])
    expect(decodeRakp4(suite, filler)).not.toHaveProperty('icv')
  })

  test('RAKP 1 and 3 are laid out as specified', () => {
    expect(hex(encodeRakp1(0x55, transcript))).toBe(
      `5500000001020304${hex(run(0x10))}14000005${hex(Buffer.from('admin'))}`,
    )
    expect(hex(encodeRakp3(0x55, 0x04030201, bytes(known.rakp3)))).toBe(
      `5500000001020304${known.rakp3}`,
    )
  })

  test('RAKP 2 and 4 cut short are nothing', () => {
    const rakp2 = Buffer.concat([
      bytes('55000000 a1a2a3a4'),
      run(0x20),
      run(0x30),
      bytes(known.rakp2),
    ])
    expect(decodeRakp2(suite, rakp2)).toMatchObject({ mac: new Uint8Array(bytes(known.rakp2)) })
    expect(decodeRakp2(suite, rakp2.subarray(0, -1))).toBeUndefined()
    const rakp4 = Buffer.concat([bytes('55000000 a1a2a3a4'), bytes(known.icv)])
    expect(decodeRakp4(suite, rakp4)).toMatchObject({ icv: new Uint8Array(bytes(known.icv)) })
    expect(decodeRakp4(suite, rakp4.subarray(0, -1))).toBeUndefined()
  })
})

describe('LAN messages', () => {
  test('Get Channel Authentication Capabilities is the datagram that ipmi_sim accepted', () => {
    const { netFn, code, encode } = getChannelAuthenticationCapabilities
    const message = encodeRequest({ netFn, code, rqSeq: 0, body: encode() })
    expect(hex(wrapV15(message))).toBe('0600ff07000000000000000000092018c88100388e04b5')
    expect(hex(unwrapV15(wrapV15(message)) ?? [])).toBe(hex(message))
  })

  test.each([
    ['20 18', 0xc8],
    ['aa aa', 0xac],
    ['55 55', 0x56],
    ['00', 0x00],
    ['', 0x00],
  ])('the checksum of %s makes it sum to zero', (text, expected) => {
    expect(checksum(bytes(text))).toBe(expected)
  })

  test('a response decodes to what was answered', () => {
    expect(decodeResponse(bytes('81 04 7b 20 fc 01 c0 aa 55 00 00'))).toEqual({
      netFn: 1,
      code: 1,
      rqSeq: 63,
      completionCode: 0xc0,
      body: bytes('aa 55 00'),
    })
  })

  test('requests and stumps are no responses', () => {
    expect(decodeResponse(bytes('81 00 7b 20 fc 01 00 00'))).toBeUndefined()
    expect(decodeResponse(bytes('81 04 7b 20 fc 01 00'))).toBeUndefined()
  })

  test.each([
    ['', false],
    ['06 00 ff 07', false],
    ['06 00 ff 87 00', false],
    ['06 00 ff 06 00', false],
    ['07 00 ff 07 00', false],
    ['06 00 ff 07 00', true],
  ])('%s is RMCP of class IPMI: %s', (text, expected) => {
    expect(isRmcpIpmi(bytes(text))).toBe(expected)
  })

  test('an envelope that promises more than it holds is dropped', () => {
    const datagram = wrapHandshake(PAYLOAD.rakp1, bytes('aa 55'))
    expect(unwrapV20(datagram)).toMatchObject({ payloadType: PAYLOAD.rakp1, sessionId: 0 })
    expect(unwrapV20(datagram.subarray(0, -1))).toBeUndefined()
    expect(unwrapV15(wrapV15(bytes('aa 55')).subarray(0, -1))).toBeUndefined()
  })
})

describe('commands', () => {
  test.each([
    ['off', '00'],
    ['on', '01'],
    ['reset', '03'],
    ['nmi', '04'],
  ] as const)('Chassis Control %s is %s', (action, body) => {
    expect(hex(chassisControl.encode(action))).toBe(body)
  })

  test.each([
    ['01 00 00', { poweredOn: true, powerFault: false }],
    ['aa aa aa', { poweredOn: false, powerFault: true }],
    ['55 55 55 55', { poweredOn: true, powerFault: false }],
    ['01 00', undefined],
    ['', undefined],
  ])('Get Chassis Status %s', (body, expected) => {
    expect(getChassisStatus.decode(bytes(body))).toEqual(expected)
  })

  test('Close Session names the session, little-endian', () => {
    expect(hex(closeSession.encode(0x04030201))).toBe('01020304')
  })

  test('Get System GUID of fewer than 16 bytes is nothing', () => {
    expect(getSystemGuid.decode(run(0))).toEqual(run(0))
    expect(getSystemGuid.decode(run(0).subarray(1))).toBeUndefined()
  })
})

describe('codes', () => {
  test('only codes that say so prove that nothing was done', () => {
    const proving = Array.from({ length: 256 }, (_, code) => code).filter(provesNotDone)
    expect(proving).toEqual([
      0xc0, 0xc1, 0xc2, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xcb, 0xcc, 0xcd, 0xd3, 0xd4, 0xd5, 0xd6,
    ])
  })

  test('reads are repeated for codes that pass', () => {
    const passing = Array.from({ length: 256 }, (_, code) => code).filter(isPassing)
    expect(passing).toEqual([0xc0, 0xc3, 0xce, 0xcf, 0xd0, 0xd1, 0xd2])
  })

  test('codes read well, known or not', () => {
    expect(describeCompletionCode(0xd5)).toBe('D5h not supported in the present state')
    expect(describeCompletionCode(0x7f)).toBe('7Fh code without a general meaning')
    expect(describeStatus(0x0d)).toBe('0Dh user name unknown')
    expect(describeStatus(0x77)).toBe('77h status without a known meaning')
  })
})
