// A site of the user's own devices, by `npm start -- --site FILE` and by its parts, against real ipmi_sim,
// snmpd and fence_kdump_send.
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { STOP_NOTICE } from '../../lab/stop-notice.ts'
import type { IpmiSim } from '../peers/ipmi-sim.ts'
import { run } from '../peers/run.ts'
import type { Api, SiteStatus } from './api.ts'
import {
  ADDRESSES,
  KDUMP_SEND,
  type OwnDevices,
  ownDevicesInstalled,
  startOwnDevices,
} from './own-devices.ts'
import { applySite, palisade, type Site, startSite } from './palisade.ts'
import {
  Closing,
  commandLine,
  familyOf,
  freeTcpPort,
  freeUdpPort,
  launch,
  type Program,
  until,
} from './programs.ts'

const IBM_OUTLET_3 = '.1.3.6.1.4.1.2.6.223.8.2.2.1.11.3 integer'
const APC_OUTLET_4 = '.1.3.6.1.4.1.318.1.1.12.3.3.1.1.4.4 integer'

describe.skipIf(!ownDevicesInstalled)('devices of the user', () => {
  const closing = new Closing()
  let devices: OwnDevices

  beforeAll(async () => {
    devices = await startOwnDevices(closing)
  }, 90_000)

  afterAll(() => closing.run())

  describe('by npm start', () => {
    const process_ = new Closing()
    let started: Program
    let place: { url: string; tokenFile: string }

    beforeAll(async () => {
      const data = join(process_.directory(), 'state')
      const port = await freeTcpPort()
      place = { url: `http://127.0.0.1:${port}`, tokenFile: join(data, 'admin-token') }
      const options = ['--site', devices.siteFile, '--port', String(port), '--data', data]
      started = launch(['scripts/run.mjs', 'start', ...options], { env: devices.env })
      process_.add(() => started.stop(20_000))
      await started.printed(/^Ctrl-C stops everything/m)
    }, 90_000)

    // The parts that follow have the devices to themselves.
    afterAll(() => process_.run())

    test('every link is OK and power is read, with secrets from variables and from files', async () => {
      const status = await until('all links OK', 20_000, async () => {
        const { stdout } = await palisade(place, ['show', 'status', '--json'])
        const shown = JSON.parse(stdout) as SiteStatus
        const outlets = shown.pdus.flatMap((pdu) => pdu.outlets)
        return outlets.length === 2 && outlets.every(({ state }) => state.value !== '--') && shown
      })
      expect(
        status.servers.map(({ name, power, bmc, pdu }) => [
          name,
          power.value,
          bmc.value,
          pdu.value,
        ]),
      ).toEqual([
        ['DUMPER', 'pon', 'OK', '--'],
        ['MODULES', 'pon', 'OK', 'OK'],
        ['STOCK', 'pon', 'OK', '--'],
      ])
      expect(
        status.pdus.map(({ name, outlets }) => [
          name,
          outlets.map((o) => [o.outlet, o.state.value]),
        ]),
      ).toEqual([
        ['pdu-ibm', [[3, 'Enable']]],
        ['pdu-apc', [[4, 'Enable']]],
      ])
    })

    test('the variables that hold credentials reach nothing that goes on running', () => {
      const servants = familyOf(started.pid).filter((pid) =>
        /(edge\/node|agent)\/main\.ts/.test(commandLine(pid)),
      )
      expect(servants).toHaveLength(2)
      for (const pid of servants) {
        const environment = readFileSync(`/proc/${pid}/environ`, 'latin1')
        expect(environment).toContain('PATH=')
        expect(environment).not.toMatch(/OWN_BMC|OWN_PDU/)
      }
    })

    test.each(['STOCK', 'MODULES'] as const)(
      'a hard reset of %s is exactly one reset at its BMC',
      async (name) => {
        const before = devices.bmcs[name].actions()
        const reason = ['--reason', 'own devices', '--wait', '30']
        const ran = await palisade(place, ['reset', name, '--mode', 'hard', ...reason])
        expect(ran, ran.stdout + ran.stderr).toMatchObject({ code: 0 })
        expect(ran.stdout).toMatch(/complete, REBOOT, fenced, grade acknowledged/)
        expect(devices.bmcs[name].actions()).toEqual([...before, 'reset'])
      },
    )
  })

  describe('by its parts', () => {
    let site: Site
    let api: Api
    let noticePort: number

    beforeAll(async () => {
      noticePort = await freeUdpPort()
      const names = { site: 'own', agent: 'HACON9' }
      site = await startSite(closing, { ...names, stopNoticePort: noticePort })
      api = site.api
      await applySite(site, devices.siteFile, devices.env)
      await api.allLinksOk('own')
    }, 90_000)

    const reset = (server: string) => api.reset({ site: 'own', target: { server } })

    test('the ladder asks for a dump, waits its time, and resets once', async () => {
      const { MODULES } = devices.bmcs
      const before = MODULES.events().length
      const accepted = await reset('MODULES')
      const end = await api.end(accepted.id)
      expect(end).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
      const shots = shotsOf(MODULES, before)
      expect(shots.map(({ name }) => name)).toEqual(['diag', 'reset'])
      const [nmi, hard] = shots
      const waitedMs = (hard?.at ?? 0) - (nmi?.at ?? 0)
      expect(waitedMs).toBeGreaterThan(1900)
      expect(waitedMs).toBeLessThan(2700)
    })

    test('a BMC that knows no interrupt is reset at once, and once', async () => {
      const { STOCK } = devices.bmcs
      const before = STOCK.actions()
      const end = await api.end((await reset('STOCK')).id)
      expect(end).toMatchObject({ status: 'complete', result: 'REBOOT', fenced: true })
      expect(Date.parse(end.fencedAt ?? '') - Date.parse(end.requestedAt)).toBeLessThan(2000)
      expect(STOCK.actions()).toEqual([...before, 'reset'])
    })

    test('the stock stop notice of the machine ends the ladder before the hard reset', async () => {
      const { DUMPER } = devices.bmcs
      const accepted = await reset('DUMPER')
      await until('the interrupt', 2000, () => DUMPER.actions().includes('diag'))
      const sent = await run(KDUMP_SEND, ['-p', String(noticePort), '-c', '1', ADDRESSES.DUMPER])
      expect(sent).toMatchObject({ code: 0 })
      const end = await api.end(accepted.id)
      expect(end).toMatchObject({
        status: 'complete',
        result: 'DUMP',
        grade: 'acknowledged',
        fenced: true,
      })
      expect(DUMPER.actions()).toEqual(['diag'])
    })

    test('the same notice from an address of no system, or of another one, ends nothing', async () => {
      const { MODULES } = devices.bmcs
      const before = MODULES.events().length
      const accepted = await reset('MODULES')
      await sendNotice('127.0.30.77')
      await sendNotice(ADDRESSES.STOCK)
      expect(await api.end(accepted.id)).toMatchObject({ status: 'complete', result: 'REBOOT' })
      expect(shotsOf(MODULES, before).map(({ name }) => name)).toEqual(['diag', 'reset'])
    })

    test('a BMC that hangs: both feeds off, off seen and held, told as POFF, on after the wait', async () => {
      const { MODULES } = devices.bmcs
      const { ibm, apc } = devices.pdus
      const before = MODULES.events().length
      // It has no supply that these outlets could cut, so that it must stay stopped to be silent.
      MODULES.pause()
      try {
        const accepted = await reset('MODULES')
        const fenced = await api.view(accepted.id, 30)
        expect(fenced).toMatchObject({ result: 'POFF', grade: 'confirmed', fenced: true })
        expect(ibm.sets()).toEqual([`set ${IBM_OUTLET_3} 0`])
        expect(apc.sets()).toEqual([`set ${APC_OUTLET_4} 2`])
        const end = await api.end(accepted.id)
        expect(end).toMatchObject({ status: 'complete', recovery: 'restored' })
        expect(ibm.sets()).toEqual([`set ${IBM_OUTLET_3} 0`, `set ${IBM_OUTLET_3} 1`])
        expect(apc.sets()).toEqual([`set ${APC_OUTLET_4} 2`, `set ${APC_OUTLET_4} 1`])
        const fencedAt = Date.parse(end.fencedAt ?? '')
        const offAt = [ibm, apc].map((pdu) => instantOf(pdu.events(), /^relay \d off/))
        const onAt = [ibm, apc].map((pdu) => instantOf(pdu.events(), /^relay \d on/))
        // Held up for a second before the word, and off for five after it.
        for (const at of offAt) expect(fencedAt - at).toBeGreaterThanOrEqual(1000)
        for (const at of onAt) expect(at - fencedAt).toBeGreaterThanOrEqual(5000)
      } finally {
        MODULES.resume()
      }
      // What waited in its socket is all that was ever sent.
      await api.allLinksOk('own')
      const waited = shotsOf(MODULES, before).map(({ name }) => name)
      expect(waited.filter((name) => name === 'diag').length).toBeLessThanOrEqual(1)
      expect(waited.filter((name) => name === 'reset').length).toBeLessThanOrEqual(1)
      expect(waited.filter((name) => name !== 'diag' && name !== 'reset')).toEqual([])
    })

    async function sendNotice(from: string): Promise<void> {
      const socket = createSocket('udp4').bind(0, from)
      await once(socket, 'listening')
      await new Promise((sent) => socket.send(STOP_NOTICE, noticePort, '127.0.0.1', sent))
      socket.close()
    }
  })
})

function shotsOf(bmc: IpmiSim, after: number) {
  return bmc
    .events()
    .slice(after)
    .filter(({ name }) => ['diag', 'reset', 'off', 'on', 'cycle'].includes(name))
}

/** Epoch milliseconds of the first event that fits. */
function instantOf(events: { at: number; what: string }[], pattern: RegExp): number {
  const found = events.find(({ what }) => pattern.test(what))
  if (!found) throw new Error(`no ${pattern} in ${JSON.stringify(events)}`)
  return found.at * 1000
}
