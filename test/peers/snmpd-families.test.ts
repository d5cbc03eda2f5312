// Every row of the model table against snmpd serving that family's objects. What is served is written down
// in snmpd/families.ts from the specification alone: a number that is wrong in the table fails here.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { OutletController } from '../../agent/drivers/driver.ts'
import { PDU_MODELS } from '../../core/pdu-models.ts'
import type { CustomPduModel } from '../../core/site.ts'
import {
  controllerOf,
  expectReady,
  fire,
  powerOf,
  readingOf,
  V1,
  V2C,
  V3_SHA256_AES,
  V3_SHA512_AES,
} from './outlet-rig.ts'
import { FAMILIES, type Family, type ServedFamily } from './snmpd/families.ts'
import { outletKey } from './snmpd/objects.ts'
import { type SnmpdPeer, SYS_DESCR_TEXT, startSnmpd } from './snmpd.ts'

const OUTLETS = 6
const SLOW_S = 0.4
const ATEN = '1.3.6.1.4.1.21317.1.3.2.2.2.2'
const TELTRONIX = '1.3.6.1.4.1.23620.1.2.2.1'

/** As a site file describes them. */
const CUSTOM: Partial<Record<Family, CustomPduModel>> = {
  aten: {
    detect: '1.3.6.1.4.1.21317.1.3',
    outlets: OUTLETS,
    control: {
      on: { oid: `${ATEN}.{outlet}.0`, value: 2 },
      off: { oid: `${ATEN}.{outlet}.0`, value: 1 },
    },
    status: { oid: `${ATEN}.{outlet}.0`, on: [2], off: [1] },
  },
  teltronix: {
    outlets: OUTLETS,
    control: {
      on: { oid: `${TELTRONIX}.4.{outlet}`, value: 2 },
      off: { oid: `${TELTRONIX}.4.{outlet}`, value: 1 },
    },
    status: { oid: `${TELTRONIX}.4.{outlet}`, on: [2], off: [1] },
    outletName: `${TELTRONIX}.3.{outlet}`,
  },
}

const families = Object.entries(FAMILIES) as [Family, ServedFamily][]

test('every row of the model table is served, and every row says that it was tried so', () => {
  const served = new Set(families.map(([, { model }]) => model))
  expect(PDU_MODELS.map(({ name }) => name).filter((name) => !served.has(name))).toEqual([])
  expect(PDU_MODELS.filter(({ tried }) => tried !== 'simulated')).toEqual([])
})

const peers = new Map<Family, SnmpdPeer>()
beforeAll(async () => {
  await Promise.all(
    families.map(async ([name]) => {
      peers.set(name, await startSnmpd(name, OUTLETS))
    }),
  )
})
afterAll(async () => {
  await Promise.all([...peers.values()].map((peer) => peer.close()))
})

function peerOf(name: Family): SnmpdPeer {
  const peer = peers.get(name)
  if (!peer) throw new Error(`no snmpd for ${name}`)
  return peer
}

describe.each(families)('%s', (name, family) => {
  const units = family.units ?? [{ letters: {}, site: {} }]
  const [first] = units
  const key = (outlet: number) => outletKey(family, first?.letters ?? {}, outlet)
  // Half of the families prove SHA-256 with AES, the other half SHA-512.
  const access = families.findIndex(([each]) => each === name) % 2 ? V3_SHA512_AES : V3_SHA256_AES
  let pdu: OutletController
  const closing: (() => Promise<unknown>)[] = []
  const faults = new Set<string>()

  function connect(more: Partial<Parameters<typeof controllerOf>[0]> = {}) {
    const custom = CUSTOM[name]
    const { port } = peerOf(name)
    const made = controllerOf({
      ...{ port, model: family.model, snmp: access, ...(custom ? { custom } : {}) },
      ...more,
    })
    closing.push(() => made.pdu.close())
    return made.pdu
  }

  function setFault(fault: string, value = '') {
    faults.add(fault)
    peerOf(name).setFault(fault, value)
  }

  function clearFaults() {
    for (const fault of faults) peerOf(name).clearFault(fault)
    faults.clear()
  }

  /** What the PDU did since. */
  function movesSince(count: number): string[] {
    const events = peerOf(name).events().slice(count)
    return events.flatMap(({ what }) => (/^(relay|command) /.test(what) ? [what] : []))
  }
  const eventCount = () => peerOf(name).events().length

  beforeAll(async () => {
    pdu = connect()
    await expectReady(pdu)
  })
  afterEach(clearFaults)
  afterAll(async () => {
    for (const close of closing.splice(0)) await close()
  })

  test('tells its model and firmware', () => {
    const { model, firmware } = family.texts ?? {}
    expect(pdu.model).toBe(model?.[1] ?? SYS_DESCR_TEXT)
    expect(pdu.firmware).toBe(firmware?.[1])
  })

  test('one outlet goes off and on at once, is read so, and no other moves', async () => {
    const before = eventCount()
    expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'on', 'on'])
    expect(await fire(pdu, 2, 'off')).toEqual({ kind: 'accepted', detail: 'noError' })
    expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'off', 'on'])
    expect((await fire(pdu, 2, 'on')).kind).toBe('accepted')
    expect(await powerOf(pdu, [1, 2, 3])).toEqual(['on', 'on', 'on'])
    expect((await fire(pdu, 1, 'off')).kind).toBe('accepted')
    expect((await fire(pdu, OUTLETS, 'off')).kind).toBe('accepted')
    expect(await powerOf(pdu, [1, 2, OUTLETS])).toEqual(['off', 'on', 'off'])
    expect((await fire(pdu, 1, 'on')).kind).toBe('accepted')
    expect((await fire(pdu, OUTLETS, 'on')).kind).toBe('accepted')
    expect(movesSince(before)).toEqual([
      `relay ${key(2)} off`,
      `relay ${key(2)} on`,
      `relay ${key(1)} off`,
      `relay ${key(OUTLETS)} off`,
      `relay ${key(1)} on`,
      `relay ${key(OUTLETS)} on`,
    ])
  })

  test.each(units.slice(1))('$site is switched and read by itself', async ({ letters, site }) => {
    const other = connect(site)
    await expectReady(other)
    const before = eventCount()
    expect((await fire(other, 3, 'off')).kind).toBe('accepted')
    expect(await powerOf(other, [2, 3])).toEqual(['on', 'off'])
    expect(await powerOf(pdu, [2, 3])).toEqual(['on', 'on'])
    expect((await fire(other, 3, 'on')).kind).toBe('accepted')
    const moved = outletKey(family, letters, 3)
    expect(movesSince(before)).toEqual([`relay ${moved} off`, `relay ${moved} on`])
  })

  test('an outlet that accepts and stays on is read on', async () => {
    setFault(`stuck-${key(4)}`)
    expect((await fire(pdu, 4, 'off')).kind).toBe('accepted')
    expect(await powerOf(pdu, [4])).toEqual(['on'])
  })

  test('a slow relay is never read off before it has moved', async () => {
    setFault(`slow-${key(1)}`, String(SLOW_S))
    const before = eventCount()
    expect((await fire(pdu, 1, 'off')).kind).toBe('accepted')
    const meanwhile = await powerOf(pdu, [1, 2])
    const tells = family.pending !== undefined || family.status.turning !== undefined
    expect(meanwhile).toEqual([tells ? 'unknown' : 'on', 'on'])
    await expect.poll(() => powerOf(pdu, [1]), { interval: 50 }).toEqual(['off'])
    expect(movesSince(before)).toEqual([`relay ${key(1)} off`])
    clearFaults()
    expect((await fire(pdu, 1, 'on')).kind).toBe('accepted')
  })

  test('an outlet in any other state is unknown', async () => {
    for (const value of [-1, 77, ...(family.odd ?? [])]) {
      setFault(`reads-${key(5)}`, String(value))
      expect(await readingOf(pdu, 5)).toMatchObject({ value: 'unknown', raw: String(value) })
    }
  })

  test.each([
    ['v1', V1],
    ['v2c', V2C],
  ])('over %s a missing outlet is unknown, hides no other, and is refused', async (_v, snmp) => {
    const plain = connect({ snmp })
    await expectReady(plain)
    setFault(`missing-${key(2)}`)
    expect(await powerOf(plain, [1, 2, 3])).toEqual(['on', 'unknown', 'on'])
    const before = eventCount()
    expect((await fire(plain, 2, 'off')).kind).not.toBe('accepted')
    expect(movesSince(before)).toEqual([])
  })

  test('an outlet that no such PDU has is neither asked nor switched', async () => {
    expect(pdu.arm(0, 'off')).toBeUndefined()
    expect(pdu.arm(-1, 'off')).toBeUndefined()
    expect(await powerOf(pdu, [0, 1])).toEqual(['unknown', 'on'])
  })

  if (family.pending) {
    const { yes, odd = [] } = family.pending
    test('an outlet with a command pending is unknown, whatever it reads', async () => {
      for (const value of [yes, ...odd, 77]) {
        setFault(`pending-${key(5)}`, String(value))
        expect((await readingOf(pdu, 5)).value).toBe('unknown')
      }
    })
  }

  if (family.also?.meaning) {
    const { bad, meaning } = family.also
    test(`an outlet that is not ${meaning} is told so and read as before`, async () => {
      setFault(`also-${key(5)}`, String(bad))
      const reading = await readingOf(pdu, 5)
      expect(reading.value).toBe('on')
      expect(reading.raw).toContain(`not ${meaning} (${bad})`)
    })
  } else if (family.also) {
    test('an outlet whose relay is not well is unknown', async () => {
      setFault(`also-${key(5)}`, '1')
      expect((await readingOf(pdu, 5)).value).toBe('unknown')
    })
  }

  if (family.names) {
    test('an outlet that is bound to a name is switched and read under that name alone', async () => {
      const names = new Map([[3, `outlet${key(3)}`]])
      const bound = connect({ nameOf: (outlet) => names.get(outlet) })
      await expectReady(bound)
      expect((await fire(bound, 3, 'off')).kind).toBe('accepted')
      expect(await powerOf(bound, [2, 3])).toEqual(['on', 'off'])

      setFault(`name-${key(3)}`, 'somebody else')
      expect(await readingOf(bound, 3)).toMatchObject({
        value: 'unknown',
        raw: expect.stringContaining(`named "somebody else", not "outlet${key(3)}"`),
      })
      expect(bound.arm(3, 'on')).toBeUndefined()
      expect(bound.arm(2, 'on')).toBeDefined()

      names.set(3, 'somebody else')
      expect(bound.arm(3, 'on')).toBeUndefined()
      expect(await powerOf(bound, [3])).toEqual(['off'])
      expect((await fire(bound, 3, 'on')).kind).toBe('accepted')
    })
  }
})

test('the index that switches every outlet of an Eaton Switched is never written', async () => {
  const peer = peerOf('eaton-switched')
  const all = ` .1.3.6.1.4.1.20677.2.6.2.1.0 `
  expect(peer.sets().length).toBeGreaterThan(0)
  expect(peer.sets().filter((line) => line.includes(all))).toEqual([])
})

test('the delay that is written is zero, on every family that takes one', () => {
  for (const name of ['eaton-epdu-g3', 'hpe-epdu', 'hpe-pdu3'] as const) {
    expect(
      new Set(
        peerOf(name)
          .sets()
          .map((line) => line.split(' ').at(-1)),
      ),
    ).toEqual(new Set(['0']))
  }
})

test('a custom model with a detect takes no other device', async () => {
  const custom = CUSTOM.aten
  const { port } = peerOf('teltronix')
  const { pdu } = controllerOf({ port, model: 'custom', snmp: V2C, ...(custom && { custom }) })
  expect(await pdu.ready(5_000)).toBe(false)
  expect(pdu.link.detail).toContain('custom has sysObjectID 1.3.6.1.4.1.21317.1.3')
  expect(pdu.arm(1, 'off')).toBeUndefined()
  await pdu.close()
})
