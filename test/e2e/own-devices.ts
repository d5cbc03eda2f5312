// Devices that we did not write, as a site of the user's own: two BMCs of ipmi_sim with ours' modules, one as
// Debian ships it, and two PDUs of snmpd.
import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ADMIN, type IpmiSim, ipmiSimInstalled, startIpmiSim } from '../peers/ipmi-sim.ts'
import { COMMUNITY, type SnmpdPeer, startSnmpd } from '../peers/snmpd.ts'
import type { Closing } from './programs.ts'

export const KDUMP_SEND = '/usr/libexec/fence-agents/fence_kdump_send'

export const ownDevicesInstalled =
  ipmiSimInstalled &&
  ['/usr/sbin/snmpd', '/usr/bin/snmpget', '/usr/bin/python3', KDUMP_SEND].every((path) =>
    existsSync(path),
  )

/** Systems by the address that their stop notices come from. The stock sender takes the first: the route says so. */
export const ADDRESSES = { DUMPER: '127.0.0.1', MODULES: '127.0.30.2', STOCK: '127.0.30.3' }

export interface OwnDevices {
  bmcs: Record<keyof typeof ADDRESSES, IpmiSim>
  pdus: { ibm: SnmpdPeer; apc: SnmpdPeer }
  siteFile: string
  /** What the site file refers to by `{ env }`. */
  env: Record<string, string>
}

export async function startOwnDevices(closing: Closing): Promise<OwnDevices> {
  const simulator = async (kind: 'stock' | 'modules', guid: string) => {
    const started = await startIpmiSim({ kind, guid: guid.repeat(16) })
    closing.add(() => started.remove())
    return started
  }
  const pdu = async (family: 'ibm' | 'apc-rpdu', address: string) => {
    const started = await startSnmpd(family, 8, address)
    closing.add(() => started.close())
    return started
  }
  const bmcs = {
    DUMPER: await simulator('modules', 'd1'),
    MODULES: await simulator('modules', 'd2'),
    STOCK: await simulator('stock', 'd3'),
  }
  const pdus = { ibm: await pdu('ibm', '127.0.30.101'), apc: await pdu('apc-rpdu', '127.0.30.102') }
  const directory = closing.directory()
  writeFileSync(join(directory, 'bmc.secret'), `${ADMIN.password}\n`, { mode: 0o600 })
  writeFileSync(join(directory, 'pdu.secret'), COMMUNITY, { mode: 0o600 })
  const siteFile = join(directory, 'own.yaml')
  writeFileSync(siteFile, siteText(bmcs, pdus))
  return { bmcs, pdus, siteFile, env: { OWN_BMC: ADMIN.password, OWN_PDU: COMMUNITY } }
}

function siteText(bmcs: OwnDevices['bmcs'], pdus: OwnDevices['pdus']): string {
  const bmc = ({ address, port }: IpmiSim, password: string) =>
    `{ protocol: ipmi, address: ${address}, port: ${port}, username: ${ADMIN.username}, password: ${password} }`
  const pdu = (name: string, { address, port }: SnmpdPeer, model: string, community: string) =>
    `{ name: ${name}, address: ${address}, port: ${port}, model: ${model}, ` +
    `snmp: { version: 2c, community: ${community} } }`
  const system = (number: number, server: keyof typeof ADDRESSES) =>
    `{ number: ${number}, name: own-${number}, server: ${server}, address: ${ADDRESSES[server]}, port: 6001 }`
  return `apiVersion: palisade/v1
kind: Site
metadata: { name: own }
spec:
  hardResetAfterMs: 2000
  managementServers: [ { name: HACON9 } ]
  pdus:
    - ${pdu('pdu-ibm', pdus.ibm, 'ibm-ipdu', '{ env: OWN_PDU }')}
    - ${pdu('pdu-apc', pdus.apc, 'apc-rpdu', '{ file: pdu.secret }')}
  servers:
    - name: DUMPER
      bmc: ${bmc(bmcs.DUMPER, '{ env: OWN_BMC }')}
    - name: MODULES
      bmc: ${bmc(bmcs.MODULES, '{ file: bmc.secret }')}
      pduControl: true
      hardResetTimeoutS: 5
      pduRecoveryWaitS: 5
      feeds: [ { pdu: pdu-ibm, outlet: 3 }, { pdu: pdu-apc, outlet: 4 } ]
    - name: STOCK
      bmc: ${bmc(bmcs.STOCK, '{ env: OWN_BMC }')}
  clusters:
    - name: own
      systems:
        - ${system(1, 'DUMPER')}
        - ${system(2, 'MODULES')}
        - ${system(3, 'STOCK')}
`
}
