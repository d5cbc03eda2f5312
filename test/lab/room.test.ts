import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { afterEach, expect, test } from 'vitest'
import { validateSite } from '../../core/limits.ts'
import { demoSite, describeDemo, newDemoSecrets, openDemoRoom } from '../../lab/demo.ts'
import { type MachineRoom, openMachineRoom, TYPICAL_SERVER } from '../../lab/room.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { SEALED } from '../core/sample-site.ts'
import { seededRandom, VirtualClock } from './virtual-clock.ts'

const closing: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function demo(clock = new VirtualClock()) {
  const random = seededRandom('room')
  const room = await openDemoRoom({ secrets: newDemoSecrets(random) }, { clock, random })
  closing.push(() => room.close())
  return { clock, room }
}

function cut(room: MachineRoom, pdu: string, outlet: number) {
  room.getPdu(pdu).model.order(outlet, 'off')
}

test('a dual-feed server dies, with its BMC, only when both outlets are off', async () => {
  const { clock, room } = await demo()
  const { model } = room.getServer('PSERVER1')
  cut(room, 'pdu-a', 3)
  clock.advance(10_000)
  expect([model.railVolts, model.bmc.state]).toEqual([12, 'up'])
  cut(room, 'pdu-b', 3)
  clock.advance(TYPICAL_SERVER.holdUpMs)
  expect([model.railVolts, model.bmc.state]).toEqual([0, 'unpowered'])
  expect(room.getServer('PSERVER2').model.railVolts).toBe(12)
})

test('one stuck outlet of two keeps the server alive', async () => {
  const { clock, room } = await demo()
  room.getPdu('pdu-b').model.setOutletFaults(3, { stuck: true })
  cut(room, 'pdu-a', 3)
  cut(room, 'pdu-b', 3)
  clock.advance(10_000)
  expect(room.getServer('PSERVER1').model.railVolts).toBe(12)
})

test('with a wrong cable the cut kills the neighbour, until the cable is put right', async () => {
  const { clock, room } = await demo()
  const pdu = room.getPdu('pdu-a').model
  pdu.setOutletFaults(5, { feeds: 'PSERVER1' })
  cut(room, 'pdu-a', 5)
  clock.advance(10_000)
  expect(room.getServer('PSERVER3').model.railVolts).toBe(12)
  expect(room.getServer('PSERVER1').model.supplies).toEqual([
    { live: false, healthy: true },
    { live: true, healthy: true },
  ])
  pdu.setOutletFaults(5, { feeds: '' })
  clock.advance(10_000)
  expect(room.getServer('PSERVER3').model.railVolts).toBe(0)
  expect(room.getServer('PSERVER1').model.supplies[0]?.live).toBe(true)
})

test('a server without switched feeds has standby power whatever the PDUs do', async () => {
  const { clock, room } = await demo()
  for (const pdu of room.pdus.values()) {
    for (let n = 1; n <= pdu.model.outletCount; n++) pdu.model.order(n, 'off')
  }
  clock.advance(10_000)
  const alive = [...room.servers.values()].filter(({ model }) => model.railVolts === 12)
  expect(alive.map(({ name }) => name)).toEqual(['PSERVER6'])
})

test('a stop notice arrives from the address of its own system, eight bytes, repeatedly', async () => {
  const listener = createSocket('udp4').bind(0, '127.0.0.1')
  await once(listener, 'listening')
  closing.push(() => listener.close())
  const { clock, room } = await demo()
  room.setStopNoticeTargets([listener.address()])
  clock.advance(TYPICAL_SERVER.os.bootMs)
  room.getServer('PSERVER2').model.os.panic()
  clock.advance(TYPICAL_SERVER.os.kdump.delayMs + TYPICAL_SERVER.os.kdump.intervalMs)
  for (let i = 0; i < 2; i++) {
    const [notice, from] = await once(listener, 'message')
    expect(notice.toString('hex')).toBe('402a301b01000000')
    expect(from.address).toBe('127.0.20.2')
  }
})

test('the site file names what the room really has, and holds no secret', async () => {
  const random = seededRandom('site')
  const secrets = newDemoSecrets(random)
  const clock = new VirtualClock()
  const room = await openDemoRoom({ secrets, managementServers: 2 }, { clock, random })
  closing.push(() => room.close())
  const site = demoSite(room, { secretRef: (name) => ({ file: `/run/${name}` }) })
  const { spec } = site
  expect(spec.servers.map(({ name }) => name)).toEqual([1, 2, 3, 4, 5, 6].map((n) => `PSERVER${n}`))
  for (const { name, bmc } of [...spec.servers, ...spec.managementServers]) {
    expect(bmc).toMatchObject(room.getServer(name).bmcPlace)
    expect(bmc.password).toEqual({ file: `/run/bmc-${name}` })
  }
  for (const pdu of spec.pdus) expect(pdu).toMatchObject(room.getPdu(pdu.name).place)
  const text = JSON.stringify(site)
  for (const secret of secrets.values()) expect(text).not.toContain(secret)
})

test('no two machines of the demonstration share an address, an outlet or a GUID', async () => {
  const description = describeDemo({
    secrets: newDemoSecrets(seededRandom('x')),
    managementServers: 2,
  })
  const addresses = [
    ...description.servers.flatMap(({ bmc, systemAddress }) => [bmc.address, systemAddress]),
    ...description.pdus.map(({ address }) => address),
  ].filter((address) => address !== undefined)
  const outlets = description.servers.flatMap(({ feeds }) =>
    feeds.map(({ pdu, outlet }) => `${pdu}/${outlet}`),
  )
  expect(new Set(addresses).size).toBe(addresses.length)
  expect(new Set(outlets).size).toBe(outlets.length)
})

test('a room that cannot have its ports opens nothing and says which', async () => {
  const taken = createSocket('udp4').bind(0, '127.0.10.101')
  await once(taken, 'listening')
  closing.push(() => taken.close())
  const { port } = taken.address()
  const secrets = newDemoSecrets(nodeRandom)
  const ports = { clock: nodeClock, random: nodeRandom }
  await expect(openDemoRoom({ secrets, snmpPort: port }, ports)).rejects.toThrow(
    `cannot listen on UDP 127.0.10.101:${port}`,
  )
})

test('a feed to a PDU that is not there is an error, not a server without power', async () => {
  const clock = new VirtualClock()
  const account = { username: 'a', password: 'b', privilege: 4 as const }
  const server = {
    name: 'S',
    bmc: { address: '127.0.0.1', port: 0, account },
    feeds: [{ pdu: 'nowhere', outlet: 1 }],
  }
  await expect(
    openMachineRoom({ servers: [server], pdus: [] }, { clock, random: seededRandom('y') }),
  ).rejects.toThrow('S is fed by nowhere, which is not in the room')
})

test('a closed room leaves no timer behind', async () => {
  const { clock, room } = await demo()
  room.getServer('PSERVER1').model.bmc.control('cycle')
  room.getPdu('pdu-a').model.setOutletFaults(1, { slowMs: 5_000 })
  cut(room, 'pdu-a', 1)
  await room.close()
  expect(clock.pending).toBe(0)
})

test.each([1, 2] as const)(
  'the demonstration with %i management server(s) is a site that the rules accept',
  async (managementServers) => {
    const random = seededRandom('rules')
    const clock = new VirtualClock()
    const secrets = newDemoSecrets(random)
    const room = await openDemoRoom({ secrets, managementServers }, { clock, random })
    closing.push(() => room.close())
    const site = demoSite(room, { secretRef: (name) => ({ env: name }) })
    // The client seals each reference before it sends the site; the rules see what is sealed.
    const sealed = JSON.parse(JSON.stringify(site), (key, value) =>
      key === 'password' || key === 'community' ? SEALED : value,
    )
    const verdict = validateSite(sealed)
    expect('faults' in verdict ? verdict.faults : []).toEqual([])
    const warnings = new Set('warnings' in verdict ? verdict.warnings.map(({ code }) => code) : [])
    // What only time and use can settle: registration, and a wiring check.
    const usual = ['wiring-unproven', 'systems-not-registered', 'pair-not-announced']
    expect(warnings).toEqual(
      new Set(managementServers === 1 ? ['agent-not-redundant', ...usual] : usual),
    )
  },
)
