// Site files for the bench: servers that are told apart by their number, without guards between them.
import type { Place } from './farm.ts'

export const SITE = 'bench'
export const AGENT = 'HACON1'

export interface BenchSite {
  servers: readonly Place[]
  account: { username: string; password: string }
  pdus?: readonly Place[]
  community?: string
  hardMethod?: 'reset' | 'off-on'
  hardResetAfterMs?: number
  /** The outlet number and the PDUs of the server at this index. */
  feedsOf?: (index: number) => { pdu: string; outlet: number }[]
}

/** As a client writes it, credentials in the clear: whoever applies it seals them. */
export function siteFile({
  servers,
  account,
  pdus = [],
  community = '',
  hardMethod = 'reset',
  hardResetAfterMs = 2500,
  feedsOf = () => [],
}: BenchSite) {
  return {
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name: SITE },
    spec: {
      hardResetAfterMs,
      managementServers: [{ name: AGENT }],
      pdus: pdus.map(({ name, address, port }) => ({
        name,
        address,
        port,
        model: 'ibm-ipdu',
        snmp: { version: '2c', community },
      })),
      servers: servers.map(({ name, address, port }, index) => {
        const feeds = feedsOf(index)
        return {
          name,
          bmc: { protocol: 'ipmi', address, port, ...account },
          hardMethod,
          ...(feeds.length === 0
            ? {}
            : {
                pduControl: true,
                hardResetTimeoutS: 5,
                pduRecoveryWaitS: 0,
                holdUpMs: 0,
                feeds,
              }),
        }
      }),
      clusters: [],
    },
  }
}
