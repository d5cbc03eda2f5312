// A small site as the validated document has it; a test says only what differs.
import {
  type Cluster,
  findServer,
  type Server,
  type SiteDocument,
  type System,
} from '../../core/site.ts'

export function aServer(name: string, differs: Partial<Server> = {}): Server {
  return {
    name,
    bmc: {
      protocol: 'ipmi',
      address: `bmc-${name}`,
      port: 623,
      username: 'admin',
      password: { sealed: 'x' },
    },
    softMethod: 'nmi',
    hardMethod: 'reset',
    pairGuard: false,
    pduControl: false,
    holdUpMs: 1000,
    feeds: [],
    ...differs,
  }
}

export function aSystem(number: number, server: string, differs: Partial<System> = {}): System {
  return { number, name: `s${number}`, server, address: `10.0.0.${number}`, port: 6001, ...differs }
}

export function aCluster(
  name: string,
  systems: System[],
  requireGrade: Cluster['requireGrade'] = 'acknowledged',
): Cluster {
  return { name, requireGrade, systems }
}

export function aSite(servers: Server[], clusters: Cluster[]): SiteDocument {
  return {
    apiVersion: 'palisade/v1',
    kind: 'Site',
    metadata: { name: 'tokyo1' },
    spec: {
      hardResetAfterMs: 'off',
      guestHardResetAfterMs: 5000,
      managementServers: [],
      pdus: [
        {
          name: 'pdu-a',
          address: '192.168.1.101',
          port: 161,
          model: 'ibm-ipdu',
          snmp: { version: '2c', community: { sealed: 'x' } },
        },
        {
          name: 'pdu-b',
          address: '192.168.1.102',
          port: 161,
          model: 'ibm-ipdu',
          snmp: { version: '2c', community: { sealed: 'x' } },
        },
      ],
      servers,
      clusters,
    },
  }
}

export function getServer(site: SiteDocument, name: string): Server {
  const server = findServer(site, name)
  if (!server) throw new Error(`the sample has no server ${name}`)
  return server
}
