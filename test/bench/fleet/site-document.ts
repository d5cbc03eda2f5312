// The sites of the fleet: alike, each with an agent, two PDUs and as many servers as asked for, every server on
// both PDUs and in the one cluster.
import { SEAL_PURPOSE } from '../../../protocol/credential.ts'
import { importSealingKey, type PublicSealingJwk } from '../../../protocol/keys.ts'
import type { Body } from '../../../protocol/report.ts'
import { sealSecret } from '../../../protocol/seal.ts'

export const FLEET_AGENT = 'HACON1'

export function siteName(index: number): string {
  return `site-${String(index).padStart(4, '0')}`
}

export function serverName(index: number): string {
  return `S${index + 1}`
}

const PDUS = ['pdu-a', 'pdu-b']

/** With credentials sealed, once per kind: their number does not matter, their length does. */
export async function fleetSite(site: string, servers: number, jwk: PublicSealingJwk) {
  const key = await importSealingKey(jwk)
  const seal = async (purpose: string) => ({
    sealed: await sealSecret('a-password-of-20-char', { site, purpose }, key),
  })
  const password = await seal(SEAL_PURPOSE.bmcPassword)
  const community = await seal(SEAL_PURPOSE.snmpCommunity)
  const indexes = Array.from({ length: servers }, (_, index) => index)
  return {
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name: site },
    spec: {
      hardResetAfterMs: 2500,
      managementServers: [{ name: FLEET_AGENT }],
      pdus: PDUS.map((name, index) => ({
        name,
        address: `192.168.1.${101 + index}`,
        model: 'raritan-px2',
        snmp: { version: '2c', community },
      })),
      servers: indexes.map((index) => ({
        name: serverName(index),
        bmc: {
          protocol: 'ipmi',
          address: `192.168.2.${index + 1}`,
          username: 'fence',
          password,
        },
        pduControl: true,
        hardResetTimeoutS: 5,
        pduRecoveryWaitS: 10,
        feeds: PDUS.map((pdu) => ({ pdu, outlet: index + 1 })),
      })),
      clusters: [
        {
          name: 'db',
          systems: indexes.map((index) => ({
            number: index + 1,
            name: `system-${index + 1}`,
            server: serverName(index),
            address: `192.168.3.${index + 1}`,
            port: 6001,
          })),
        },
      ],
    },
  }
}

/** What the agent tells of such a site once it has read every device. */
export function firstReadings(servers: number, readAt: string): Body[] {
  const observed = (
    subject: 'server' | 'pdu' | 'outlet',
    name: string,
    values: Partial<
      Record<'power' | 'bmc' | 'pdu' | 'identity' | 'link' | 'model' | 'state', string>
    >,
  ): Body[] =>
    Object.entries(values).map(([attribute, value]) => ({
      kind: 'observed',
      subject,
      name,
      attribute: attribute as 'power',
      value,
      detail: '',
      readAt,
    }))
  const ofServers = Array.from({ length: servers }, (_, index) =>
    observed('server', serverName(index), {
      bmc: 'OK',
      power: 'pon',
      identity: 'bound',
      pdu: 'OK',
    }),
  )
  const ofPdus = PDUS.flatMap((pdu) => [
    observed('pdu', pdu, { link: 'OK', model: 'PX2-5730' }),
    ...Array.from({ length: servers }, (_, index) =>
      observed('outlet', `${pdu}/${index + 1}`, { state: 'Enable' }),
    ),
  ])
  return [...ofServers, ...ofPdus].flat()
}
