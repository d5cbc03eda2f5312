import { createSocket, type Socket } from 'node:dgram'
import { once } from 'node:events'
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import type { Answer } from '../../agent/drivers/driver.ts'
import type { SnmpAccess } from '../../agent/drivers/snmp/outlet-controller.ts'
import { nodeClock } from '../../runtime/node.ts'
import {
  expectReady,
  fire,
  powerOf,
  controllerOf as startController,
  V1,
  V2C,
  V3_MD5_DES,
  V3_SHA,
  V3_SHA256_AES,
  V3_SHA512_AES,
} from './outlet-rig.ts'
import { COMMUNITY, type Family, type SnmpdPeer, SYS_DESCR_TEXT, startSnmpd } from './snmpd.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function peerOf(family: Family): Promise<SnmpdPeer> {
  const peer = await startSnmpd(family)
  closing.push(() => peer.close())
  return peer
}

function controllerOf(port: number, model: string, snmp: SnmpAccess) {
  const made = startController({ port, model, snmp })
  closing.push(() => made.pdu.close())
  return made
}

async function connected(peer: SnmpdPeer, model: string, snmp: SnmpAccess) {
  const made = controllerOf(peer.port, model, snmp)
  await expectReady(made.pdu)
  return made
}

describe.each([
  ['ibm', 'ibm-ipdu', undefined],
  ['ibm-lenovo', 'ibm-ipdu', undefined],
  ['apc-rpdu', 'apc-rpdu', 'AP7920'],
  ['apc-rpdu2', 'apc-rpdu2', 'AP8941'],
] as const)('%s', (family, model, modelText) => {
  test.each([
    ['v1', V1],
    ['v2c', V2C],
    ['v3 MD5/DES', V3_MD5_DES],
    ['v3 SHA-256/AES', V3_SHA256_AES],
    ['v3 SHA-512/AES', V3_SHA512_AES],
  ])(
    'over %s an outlet goes off and on, is read so, and the relay moved once each',
    async (_name, access) => {
      const peer = await peerOf(family)
      const { pdu } = await connected(peer, model, access)
      expect(pdu.model).toBe(modelText ?? SYS_DESCR_TEXT)
      expect(pdu.firmware).toMatch(/v\d/)

      expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'on', 'on'])
      expect(await fire(pdu, 2, 'off')).toEqual({ kind: 'accepted', detail: 'noError' })
      expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'off', 'on'])
      expect((await fire(pdu, 2, 'on')).kind).toBe('accepted')
      expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'on', 'on'])

      const moves = peer.events().filter(({ what }) => what.startsWith('relay'))
      expect(moves.map(({ what }) => what)).toEqual(['relay 2 off', 'relay 2 on'])
      expect(peer.sets()).toHaveLength(2)
    },
  )
})

test('an outlet that accepts and stays on is read on', async () => {
  const peer = await peerOf('apc-rpdu2')
  const { pdu } = await connected(peer, 'apc-rpdu2', V2C)
  peer.setFault('stuck-4')
  expect((await fire(pdu, 4, 'off')).kind).toBe('accepted')
  expect(await powerOf(pdu, [4])).toEqual(['on'])
})

test('an outlet with a command pending is unknown until the relay has moved', async () => {
  const peer = await peerOf('apc-rpdu')
  const { pdu } = await connected(peer, 'apc-rpdu', V2C)
  peer.setFault('slow-1', '0.7')
  expect((await fire(pdu, 1, 'off')).kind).toBe('accepted')
  expect(await powerOf(pdu, [1, 2])).toEqual(['unknown', 'on'])
  await expect.poll(() => powerOf(pdu, [1, 2]), { timeout: 3_000 }).toEqual(['off', 'on'])
})

test.each([
  ['v1', V1],
  ['v2c', V2C],
])('over %s a missing outlet is unknown and hides no other', async (_name, access) => {
  const peer = await peerOf('apc-rpdu')
  const { pdu } = await connected(peer, 'apc-rpdu', access)
  expect((await fire(pdu, 3, 'off')).kind).toBe('accepted')
  peer.setFault('missing-2')
  expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'unknown', 'off'])
})

test.each([
  ['not-writable', 'refused', 'notWritable'],
  ['wrong-value', 'refused', 'wrongValue'],
  ['inconsistent-value', 'refused', 'inconsistentValue'],
  ['gen-error', 'lost', 'genErr'],
  ['commit-failed', 'lost', 'commitFailed'],
  ['undo-failed', 'lost', 'undoFailed'],
])(
  'a SET that fails with %s is %s: only some errors prove that nothing happened',
  async (word, kind, name) => {
    const peer = await peerOf('ibm')
    const { pdu, heardAt } = await connected(peer, 'ibm-ipdu', V2C)
    peer.setFault('refuse', word)
    const before = nodeClock.now()
    expect(await fire(pdu, 1, 'off')).toEqual({ kind, detail: name })
    expect(heardAt.some((askedAt) => askedAt >= before)).toBe(true)
    expect(await powerOf(pdu, [1])).toEqual(['on'])
  },
)

test('a device of another family is never switched, and the link says which it is', async () => {
  const peer = await peerOf('apc-rpdu')
  const { pdu } = controllerOf(peer.port, 'apc-rpdu2', V2C)
  expect(await pdu.ready(5_000)).toBe(false)
  expect(pdu.link).toMatchObject({ state: 'down', permanent: false })
  expect(pdu.link.detail).toContain('1.3.6.1.4.1.318.1.3.4.6')
  expect(pdu.link.detail).toContain('1.3.6.1.4.1.318.1.3.4.5 (apc-rpdu)')
  expect(pdu.arm(1, 'off')).toBeUndefined()
})

test('a wrong community is silence, and the link says that it cannot tell the difference', async () => {
  const peer = await peerOf('ibm')
  const { pdu } = controllerOf(peer.port, 'ibm-ipdu', { version: '2c', community: 'guess' })
  expect(await pdu.ready(6_000)).toBe(false)
  expect(pdu.link).toMatchObject({ state: 'down', permanent: false })
  expect(pdu.link.detail).toMatch(/no answer.*community/)
  expect((await pdu.read([1], 200)).value).toBe('silent')
})

test.each([
  ['authentication password', { auth: { protocol: 'sha256', password: 'mistaken-one' } }],
  ['user', { user: 'nobody' }],
] as const)(
  'a wrong SNMPv3 %s is permanent, shown in time, and tells no secret',
  async (_what, wrong) => {
    const peer = await peerOf('ibm')
    const { pdu, links } = controllerOf(peer.port, 'ibm-ipdu', { ...V3_SHA256_AES, ...wrong })
    expect(await pdu.ready(6_000)).toBe(false)
    expect(pdu.link).toMatchObject({ state: 'down', permanent: true })
    expect(JSON.stringify(links)).not.toMatch(/mistaken-one|pass123/)
  },
)

test('an SNMPv3 user that was known, and for a while is not, is tried again', async () => {
  const peer = await peerOf('ibm')
  const { pdu } = await connected(peer, 'ibm-ipdu', V3_SHA)
  const file = join(peer.directory, 'snmpd.conf')
  const whole = readFileSync(file, 'utf8')
  const serve = async (conf: string) => {
    await peer.stop()
    rmSync(join(peer.directory, 'var'), { recursive: true })
    mkdirSync(join(peer.directory, 'var'), { mode: 0o700 })
    writeFileSync(file, conf)
    await peer.start()
  }
  await serve(whole.replace(/^createUser .*\n/gm, ''))
  await expect.poll(() => pdu.link, { timeout: 10_000 }).toMatchObject({ state: 'down' })
  await expect.poll(() => pdu.link.detail, { timeout: 10_000 }).toContain('Unknown User Name')
  expect(pdu.link.permanent).toBe(false)
  await serve(whole)
  await expect.poll(() => pdu.link.state, { timeout: 15_000 }).toBe('up')
  expect((await fire(pdu, 1, 'off')).kind).toBe('accepted')
}, 40_000)

test('a wrong SNMPv3 privacy password is silence, and the link says what to look at', async () => {
  const peer = await peerOf('ibm')
  const access = { ...V3_SHA256_AES, priv: { protocol: 'aes', password: 'mistaken-one' } } as const
  const { pdu, links } = controllerOf(peer.port, 'ibm-ipdu', access)
  expect(await pdu.ready(6_000)).toBe(false)
  expect(pdu.link).toMatchObject({ state: 'down', permanent: false })
  expect(pdu.link.detail).toContain('a wrong privacy password looks the same')
  expect(JSON.stringify(links)).not.toMatch(/mistaken-one|pass123/)
})

test('a stopped PDU gets a SET once: continued, it executes it a single time', async () => {
  const peer = await peerOf('apc-rpdu')
  const { pdu, links } = await connected(peer, 'apc-rpdu', V2C)
  peer.signal('SIGSTOP')
  const answer = fire(pdu, 5, 'off')
  await expect.poll(() => pdu.link.state, { timeout: 8_000 }).toBe('down')
  const reading = pdu.read([5], 9_000)
  peer.signal('SIGCONT')
  expect((await answer).kind).toBe('accepted')
  const read = await reading
  expect(read.value === 'read' && read.outlets).toEqual([{ outlet: 5, value: 'off', raw: '2' }])
  expect(peer.sets()).toEqual(['set .1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.5 integer 2'])
  expect(links.map(({ state }) => state)).toEqual(['up', 'down', 'up'])
}, 30_000)

test('a SET that is never answered is lost after ten seconds, and was sent once', async () => {
  const peer = await peerOf('ibm')
  const relay = await relayTo(peer.port)
  const { pdu } = controllerOf(relay.port, 'ibm-ipdu', V2C)
  expect(await pdu.ready(5_000)).toBe(true)
  relay.deaf = true
  relay.fromClient = []
  const firedAt = nodeClock.now()
  const answer = await fire(pdu, 1, 'off')
  expect(answer.kind).toBe('lost')
  expect(nodeClock.now() - firedAt).toBeGreaterThan(9_500)
  expect(relay.fromClient.filter(isV2Set)).toHaveLength(1)
}, 20_000)

test('the SET has left before fire returns to the event loop', async () => {
  const peer = await peerOf('ibm')
  const { pdu } = await connected(peer, 'ibm-ipdu', V3_SHA256_AES)
  const answer = fire(pdu, 1, 'off')
  const spinUntil = nodeClock.now() + 600
  while (nodeClock.now() < spinUntil);
  const turnEndedAt = nodeClock.wallMs() / 1000
  await answer
  const set = peer.events().find(({ what }) => what.startsWith('set'))
  expect(set?.at).toBeLessThan(turnEndedAt)
})

test('an SNMPv3 report in answer to a SET does not make it go out again', async () => {
  const peer = await peerOf('ibm')
  const relay = await relayTo(peer.port)
  const { pdu } = controllerOf(relay.port, 'ibm-ipdu', V3_SHA256_AES)
  expect(await pdu.ready(5_000)).toBe(true)
  relay.cut = true
  await peer.stop()
  await peer.start()
  relay.fromDevice = []
  relay.cut = false
  const answer = await fire(pdu, 1, 'off')
  expect(answer.kind).toBe('lost')
  expect(relay.fromDevice.length).toBeGreaterThan(0)
  await expect.poll(() => powerOf(pdu, [1]), { timeout: 5_000 }).toEqual(['on'])
  expect(peer.sets()).toEqual([])
}, 20_000)

test('an SNMPv3 answer whose signature was taken away is no answer', async () => {
  const peer = await peerOf('ibm')
  const relay = await relayTo(peer.port)
  const { pdu } = controllerOf(relay.port, 'ibm-ipdu', V3_SHA)
  expect(await pdu.ready(5_000)).toBe(true)
  expect(await powerOf(pdu, [1])).toEqual(['on'])
  relay.tamper = (bytes) => {
    const flags = bytes.indexOf(Buffer.from([0x04, 0x01, 0x01]))
    expect(flags).toBeGreaterThan(0)
    bytes[flags + 2] = 0
    // The datagram ends with the state of the outlet: on becomes off.
    if (bytes.at(-1) === 1) bytes[bytes.length - 1] = 0
    return bytes
  }
  expect((await pdu.read([1], 1_500)).value).toBe('silent')
})

test('a guard that says no sends nothing, and an armed effect goes out once only', async () => {
  const peer = await peerOf('ibm')
  const { pdu } = await connected(peer, 'ibm-ipdu', V2C)
  const armed = pdu.arm(1, 'off')
  expect(
    armed?.fire(
      () => false,
      () => {},
    ),
  ).toBe(false)
  const answer = await new Promise<Answer>((resolve) => armed?.fire(() => true, resolve))
  expect(answer.kind).toBe('accepted')
  expect(
    armed?.fire(
      () => true,
      () => {},
    ),
  ).toBe(false)
  expect(await powerOf(pdu, [1])).toEqual(['off'])
  expect(peer.sets()).toHaveLength(1)
})

/** Passes datagrams on to the peer, and can be deaf (drops answers), cut (drops everything) or change answers. */
async function relayTo(devicePort: number) {
  const front: Socket = createSocket('udp4')
  const back: Socket = createSocket('udp4')
  const relay = {
    port: 0,
    deaf: false,
    cut: false,
    tamper: (bytes: Buffer) => bytes,
    fromClient: [] as Buffer[],
    fromDevice: [] as Buffer[],
  }
  let clientPort = 0
  front.on('message', (bytes, { port }) => {
    clientPort = port
    relay.fromClient.push(bytes)
    if (!relay.cut) back.send(bytes, devicePort, '127.0.0.1')
  })
  back.on('message', (bytes) => {
    relay.fromDevice.push(bytes)
    if (!relay.deaf && !relay.cut) front.send(relay.tamper(bytes), clientPort, '127.0.0.1')
  })
  front.bind(0, '127.0.0.1')
  await once(front, 'listening')
  relay.port = front.address().port
  closing.push(async () => {
    front.close()
    back.close()
  })
  return relay
}

/** Tag A3 of SetRequest behind the SNMP version and community. */
const isV2Set = (bytes: Buffer) => bytes.includes(Buffer.from([...Buffer.from(COMMUNITY), 0xa3]))
