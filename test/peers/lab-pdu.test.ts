// The lab's PDUs judged by the Net-SNMP tools and by the fence agents of ClusterLabs.
import { existsSync } from 'node:fs'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Family } from '../../lab/pdu/families.ts'
import type { UserSettings } from '../../lab/pdu/user-security.ts'
import { type LabPdu, type MachineRoom, openMachineRoom } from '../../lab/room.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { run } from './run.ts'

const SNMPGET = '/usr/bin/snmpget'
const FENCE_IPDU = '/usr/sbin/fence_ipdu'
const FENCE_APC = '/usr/sbin/fence_apc_snmp'
const COMMUNITY = 'palisade1'
const AUTH = 'authpass123'
const PRIV = 'privpass123'

const user = (settings: UserSettings) => settings
const USERS = [
  user({ user: 'none' }),
  user({ user: 'onlyauth', auth: { protocol: 'sha', password: AUTH } }),
  user({
    user: 'md5des',
    auth: { protocol: 'md5', password: AUTH },
    priv: { protocol: 'des', password: PRIV },
  }),
  user({
    user: 'sha1aes',
    auth: { protocol: 'sha', password: AUTH },
    priv: { protocol: 'aes', password: PRIV },
  }),
  user({
    user: 'sha256aes',
    auth: { protocol: 'sha256', password: AUTH },
    priv: { protocol: 'aes', password: PRIV },
  }),
  user({
    user: 'sha512aes',
    auth: { protocol: 'sha512', password: AUTH },
    priv: { protocol: 'aes', password: PRIV },
  }),
  user({
    user: 'sha224aes',
    auth: { protocol: 'sha224', password: AUTH },
    priv: { protocol: 'aes', password: PRIV },
  }),
  user({
    user: 'sha384aes',
    auth: { protocol: 'sha384', password: AUTH },
    priv: { protocol: 'aes', password: PRIV },
  }),
]

let room: MachineRoom
beforeAll(async () => {
  const pdu = (name: string, family: Family, host: number) => ({
    name,
    family,
    address: `127.0.12.${host}`,
    port: 0,
    outletCount: 8,
    access: { community: COMMUNITY, users: USERS },
  })
  room = await openMachineRoom(
    {
      servers: [],
      pdus: [pdu('ibm', 'ibm-ipdu', 1), pdu('rpdu', 'apc-rpdu', 2), pdu('rpdu2', 'apc-rpdu2', 3)],
    },
    { clock: nodeClock, random: nodeRandom },
  )
})
afterAll(() => room.close())

beforeEach(() => {
  for (const { model } of room.pdus.values()) {
    for (let outlet = 1; outlet <= model.outletCount; outlet++) model.order(outlet, 'on')
  }
})

const NAMES = {
  md5: 'MD5',
  sha: 'SHA',
  sha224: 'SHA-224',
  sha256: 'SHA-256',
  sha384: 'SHA-384',
  sha512: 'SHA-512',
}

function accessOf({ user: name, auth, priv }: UserSettings): string[] {
  const level = priv ? 'authPriv' : auth ? 'authNoPriv' : 'noAuthNoPriv'
  return [
    ...['-v3', '-u', name, '-l', level],
    ...(auth ? ['-a', NAMES[auth.protocol], '-A', auth.password] : []),
    ...(priv ? ['-x', priv.protocol === 'des' ? 'DES' : 'AES', '-X', priv.password] : []),
  ]
}

const V1 = ['-v1', '-c', COMMUNITY]
const V2C = ['-v2c', '-c', COMMUNITY]
const ACCESS: [string, string[]][] = [
  ['v1', V1],
  ['v2c', V2C],
  ...USERS.map((settings): [string, string[]] => [`v3 ${settings.user}`, accessOf(settings)]),
]

function snmp(tool: string, access: readonly string[], pdu: LabPdu, rest: readonly string[]) {
  const { address, port } = pdu.place
  const quick = ['-m', '', '-On', '-r', '0', '-t', '3']
  return run(`/usr/bin/${tool}`, [...quick, ...access, `${address}:${port}`, ...rest])
}

const IBM_STATE = '.1.3.6.1.4.1.2.6.223.8.2.2.1.11'

describe.runIf(existsSync(SNMPGET))('Net-SNMP', () => {
  test.each(ACCESS)('over %s reads, writes and walks', async (_name, access) => {
    const pdu = room.getPdu('ibm')
    const get = await snmp('snmpget', access, pdu, ['.1.3.6.1.2.1.1.2.0', `${IBM_STATE}.3`])
    expect(get.stderr).toBe('')
    expect(get.stdout).toContain('.1.3.6.1.2.1.1.2.0 = OID: .1.3.6.1.4.1.2.6.223')
    expect(get.stdout).toContain(`${IBM_STATE}.3 = INTEGER: 1`)
    expect((await snmp('snmpset', access, pdu, [`${IBM_STATE}.3`, 'i', '0'])).code).toBe(0)
    expect([2, 3, 4].map((outlet) => pdu.model.live(outlet))).toEqual([true, false, true])
    const walk = await snmp('snmpwalk', access, pdu, ['.1.3.6.1.4.1.2.6.223'])
    expect(walk.code).toBe(0)
    const lines = walk.stdout.trim().split('\n')
    expect(lines.filter((line) => /\.11\.\d+ = INTEGER: [01]$/.test(line))).toHaveLength(8)
    expect(lines).toContain(`${IBM_STATE}.3 = INTEGER: 0`)
  })

  test('walks in bulk to the end and finds what single steps find', async () => {
    const pdu = room.getPdu('rpdu2')
    const bulk = await snmp('snmpbulkwalk', V2C, pdu, ['.1.3.6.1.4.1.318'])
    const steps = await snmp('snmpwalk', V1, pdu, ['.1.3.6.1.4.1.318'])
    const oids = (text: string) =>
      text.split('\n').flatMap((line) => /^\.[\d.]+(?= = (?!No more))/.exec(line) ?? [])
    expect(oids(bulk.stdout).length).toBeGreaterThan(80)
    expect(oids(bulk.stdout)).toEqual(oids(steps.stdout))
  })

  test.each([
    ['a wrong community', ['-v2c', '-c', 'public'], 'Timeout'],
    ['an unknown user', ['-v3', '-u', 'nobody', '-l', 'noAuthNoPriv'], 'Unknown user name'],
    [
      'a wrong password',
      ['-v3', '-u', 'onlyauth', '-l', 'authNoPriv', '-a', 'SHA', '-A', 'wrongwrong'],
      'Authentication failure',
    ],
    [
      'too low a level',
      ['-v3', '-u', 'sha256aes', '-l', 'noAuthNoPriv'],
      'Unsupported security level',
    ],
  ])('with %s gets nothing, and is told what a device tells', async (_name, access, told) => {
    const pdu = room.getPdu('ibm')
    const { code, stderr, stdout } = await snmp('snmpset', access, pdu, [
      `${IBM_STATE}.1`,
      'i',
      '0',
    ])
    expect(code).not.toBe(0)
    expect(`${stdout}${stderr}`).toContain(told)
    expect(pdu.model.live(1)).toBe(true)
  })

  test('is told which error a version knows', async () => {
    const pdu = room.getPdu('ibm')
    const missing = [`${IBM_STATE}.99`]
    expect((await snmp('snmpget', V1, pdu, missing)).stderr).toContain('noSuchName')
    expect((await snmp('snmpget', V2C, pdu, missing)).stdout).toContain('No Such Instance')
    const odd = [`${IBM_STATE}.1`, 'i', '9']
    expect((await snmp('snmpset', V1, pdu, odd)).stderr).toContain('badValue')
    expect((await snmp('snmpset', V2C, pdu, odd)).stderr).toContain('wrongValue')
  })

  test('hears nothing from a dead PDU, whose relays stay as they are', async () => {
    const pdu = room.getPdu('rpdu')
    pdu.model.setFaults({ dead: true })
    const { stderr } = await snmp('snmpget', V2C, pdu, ['-t', '0.3', '.1.3.6.1.2.1.1.1.0'])
    pdu.model.setFaults({ dead: false })
    expect(stderr).toContain('Timeout')
    expect(pdu.model.live(1)).toBe(true)
  })
})

const FENCES: { agent: string; name: string; access: string[] }[] = [
  { agent: FENCE_IPDU, name: 'ibm', access: ['-d', '2c', '-c', COMMUNITY] },
  {
    agent: FENCE_IPDU,
    name: 'ibm',
    access: [
      ...['-d', '3', '-l', 'md5des', '-p', AUTH, '-b', 'MD5'],
      ...['-B', 'DES', '-P', PRIV, '-E', 'authPriv'],
    ],
  },
  { agent: FENCE_APC, name: 'rpdu', access: ['-d', '1', '-c', COMMUNITY] },
  { agent: FENCE_APC, name: 'rpdu2', access: ['-d', '2c', '-c', COMMUNITY] },
]

describe.each(FENCES)('$agent against $name with $access', ({ agent, name, access }) => {
  const present = existsSync(agent)
  const fence = (action: string) => {
    const { address, port } = room.getPdu(name).place
    return run(agent, ['-a', address, '-u', String(port), '-n', '5', ...access, '-o', action])
  }

  test.runIf(present)('reads, switches and lists', { timeout: 30_000 }, async () => {
    const { model } = room.getPdu(name)
    expect((await fence('status')).stdout).toContain('ON')
    expect((await fence('off')).code).toBe(0)
    expect([4, 5, 6].map((outlet) => model.live(outlet))).toEqual([true, false, true])
    expect((await fence('status')).stdout).toContain('OFF')
    expect((await fence('on')).code).toBe(0)
    expect(model.live(5)).toBe(true)
    expect((await fence('list')).stdout).toContain('5,outlet5')
  })
})
