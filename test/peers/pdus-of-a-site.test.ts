// From the site file to real SNMP agents: what a PDU and a feed say there reaches the driver.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { Devices } from '../../agent/devices.ts'
import { validateSite } from '../../core/limits.ts'
import type { SiteDocument } from '../../core/site.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import { rawSite, SEALED } from '../core/sample-site.ts'
import { expectReady, fire, powerOf } from './outlet-rig.ts'
import { COMMUNITY, type Family, startSnmpd } from './snmpd.ts'

const closing: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const close of closing.splice(0).reverse()) await close()
})

async function devicesOf() {
  const directory = mkdtempSync(join(tmpdir(), 'palisade-devices-'))
  const devices = new Devices({
    clock: nodeClock,
    random: nodeRandom,
    events: { linkChanged: () => {}, heard: () => {} },
    bindingsFile: join(directory, 'bindings.json'),
  })
  closing.push(async () => {
    await devices.close()
    rmSync(directory, { recursive: true })
  })
  const unseal = async (_sealed: string, purpose: string) =>
    purpose.includes('snmp') ? COMMUNITY : 'password'
  return {
    devices,
    apply: (site: SiteDocument) => devices.apply(site, unseal),
    getPdu(name: string) {
      const pdu = devices.findPdu(name)
      if (!pdu) throw new Error(`no PDU ${name}`)
      return pdu
    },
  }
}

async function peerOf(family: Family) {
  const peer = await startSnmpd(family)
  closing.push(() => peer.close())
  return peer
}

/** One server without a BMC that answers, with these PDUs and feeds. */
function siteOf(pdus: object[], feeds: object[]): SiteDocument {
  const raw = rawSite()
  const [server] = raw.spec.servers
  const snmp = { version: '2c', community: SEALED }
  const spec = {
    managementServers: [{ name: 'm1' }],
    pdus: pdus.map((pdu) => ({ address: '127.0.0.1', snmp, ...pdu })),
    servers: [{ ...server, pairGuard: false, feeds }],
  }
  const verdict = validateSite({ ...raw, spec })
  if ('faults' in verdict) throw new Error(JSON.stringify(verdict.faults))
  return verdict.site
}

test('two units of a chain are switched apart, by the units that the site file names', async () => {
  const peer = await peerOf('eaton-epdu-g3')
  const { apply, getPdu } = await devicesOf()
  const chain = { model: 'eaton-epdu-g3', port: peer.port }
  const pdus = [
    { name: 'a1', ...chain },
    { name: 'a2', unit: 2, ...chain },
  ]
  await apply(
    siteOf(
      pdus,
      pdus.map(({ name }) => ({ pdu: name, outlet: 4 })),
    ),
  )
  const [first, second] = [getPdu('a1'), getPdu('a2')]
  await expectReady(first)
  await expectReady(second)
  expect((await fire(second, 4, 'off')).kind).toBe('accepted')
  expect(await powerOf(first, [4])).toEqual(['on'])
  expect(await powerOf(second, [4])).toEqual(['off'])
  const moves = peer.events().filter(({ what }) => what.startsWith('relay'))
  expect(moves.map(({ what }) => what)).toEqual(['relay 1.4 off'])
})

test('a custom model of the site file switches its PDU, under the name of the outlet alone', async () => {
  const peer = await peerOf('teltronix')
  const { apply, getPdu } = await devicesOf()
  const column = '1.3.6.1.4.1.23620.1.2.2.1'
  const pdu = {
    name: 'a',
    port: peer.port,
    model: 'custom',
    custom: {
      detect: '1.3.6.1.4.1.23620.1',
      outlets: 8,
      control: {
        on: { oid: `${column}.4.{outlet}`, value: 2 },
        off: { oid: `${column}.4.{outlet}`, value: 1 },
      },
      status: { oid: `${column}.4.{outlet}`, on: [2], off: [1] },
      outletName: `${column}.3.{outlet}`,
    },
  }
  const fedBy = (outletName: string) => siteOf([pdu], [{ pdu: 'a', outlet: 2, outletName }])
  await apply(fedBy('outlet2'))
  const controller = getPdu('a')
  await expectReady(controller)
  expect((await fire(controller, 2, 'off')).kind).toBe('accepted')
  expect(await powerOf(controller, [2])).toEqual(['off'])

  await apply(fedBy('web-psu1'))
  expect(getPdu('a'), 'a name must not cost the session').toBe(controller)
  expect(controller.arm(2, 'on')).toBeUndefined()
  expect(await powerOf(controller, [2])).toEqual(['unknown'])
  peer.setFault('name-2', 'web-psu1')
  expect(await powerOf(controller, [2])).toEqual(['off'])
  expect((await fire(controller, 2, 'on')).kind).toBe('accepted')
})
