// The SNMP driver set up against one PDU of a test, and short words for what a test does with it.
import { expect } from 'vitest'
import type { Answer, Link, OutletController, Switch } from '../../agent/drivers/driver.ts'
import {
  createSnmpOutletController,
  type SnmpAccess,
  type SnmpOutletOptions,
} from '../../agent/drivers/snmp/outlet-controller.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { COMMUNITY, USERS } from './snmpd.ts'

export const V1: SnmpAccess = { version: '1', community: COMMUNITY }
export const V2C: SnmpAccess = { version: '2c', community: COMMUNITY }
export const V3_MD5_DES: SnmpAccess = {
  version: '3',
  user: USERS.md5des.user,
  level: 'authPriv',
  auth: { protocol: 'md5', password: USERS.md5des.auth },
  priv: { protocol: 'des', password: USERS.md5des.priv },
}
export const V3_SHA: SnmpAccess = {
  version: '3',
  user: USERS.sha.user,
  level: 'authNoPriv',
  auth: { protocol: 'sha', password: USERS.sha.auth },
}
export const V3_SHA256_AES: SnmpAccess = {
  version: '3',
  user: USERS.sha256aes.user,
  level: 'authPriv',
  auth: { protocol: 'sha256', password: USERS.sha256aes.auth },
  priv: { protocol: 'aes', password: USERS.sha256aes.priv },
}
export const V3_SHA512_AES: SnmpAccess = {
  version: '3',
  user: USERS.sha512aes.user,
  level: 'authPriv',
  auth: { protocol: 'sha512', password: USERS.sha512aes.auth },
  priv: { protocol: 'aes', password: USERS.sha512aes.priv },
}

type Settings = Pick<SnmpOutletOptions, 'port' | 'model' | 'snmp'> &
  Partial<Pick<SnmpOutletOptions, 'custom' | 'unit' | 'branch' | 'nameOf'>>

/** A started controller, and what it told its owner. The caller closes it. */
export function controllerOf(settings: Settings) {
  const links: Link[] = []
  const heardAt: number[] = []
  const pdu = createSnmpOutletController({
    name: 'pdu1',
    address: '127.0.0.1',
    ...settings,
    clock: nodeClock,
    random: nodeRandom,
    events: {
      linkChanged: (link) => links.push(link),
      heard: (askedAt) => heardAt.push(askedAt),
    },
  })
  pdu.start()
  return { pdu, links, heardAt }
}

export async function expectReady(pdu: OutletController): Promise<void> {
  expect(await pdu.ready(5_000), pdu.link.detail).toBe(true)
}

export function fire(pdu: OutletController, outlet: number, to: Switch): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const armed = pdu.arm(outlet, to)
    if (!armed?.fire(() => true, resolve)) reject(new Error(`not armed: ${pdu.link.detail}`))
  })
}

export async function powerOf(pdu: OutletController, outlets: number[]) {
  const got = await pdu.read(outlets, 3_000)
  return got.value === 'read' ? got.outlets.map(({ value }) => value) : got.value
}

/** The one outlet's power with what was read. */
export async function readingOf(pdu: OutletController, outlet: number) {
  const got = await pdu.read([outlet], 3_000)
  if (got.value !== 'read') throw new Error(got.detail)
  const [reading] = got.outlets
  if (!reading) throw new Error('no reading')
  return reading
}
