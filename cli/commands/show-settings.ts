// palisade show settings: the site document as tables (spec domain.md §5). Credentials are never in it.
import { z } from 'zod'
import type { ManagementServer, Server, SiteDocument, SiteSpec } from '../../core/site.ts'
import { type Command, SITE_OPTION } from '../command.ts'
import { CommandError, EXIT } from '../exit.ts'
import { printResult } from '../print.ts'
import { chooseSite, sitePath } from '../site-choice.ts'
import type { Table } from '../table.ts'

/** The control plane only hands out documents that passed its limits; the shape is looked at, no more. */
const documentSchema = z.custom<SiteDocument>((value) => {
  const spec = (value as { spec?: Partial<SiteSpec> } | null)?.spec
  const lists = [spec?.servers, spec?.managementServers, spec?.pdus, spec?.clusters]
  return lists.every((list) => Array.isArray(list))
})

export const showSettings: Command = {
  words: ['show', 'settings'],
  summary: 'the settings of a site, without credentials',
  options: { site: SITE_OPTION },
  async run(call) {
    const site = await chooseSite(call)
    const document = await call.client().get(sitePath(site), documentSchema)
    try {
      printResult(call, document, () => settingTables(document.spec))
    } catch (cause) {
      if (!(cause instanceof TypeError)) throw cause
      const notes = { code: 'unexpected-answer', cause }
      throw new CommandError(
        EXIT.failed,
        'the site document has a form that is not known here',
        notes,
      )
    }
    return EXIT.done
  },
}

const onOff = (on: boolean) => (on ? 'on' : 'off')
const seconds = (value: number | undefined) => (value === undefined ? '--' : `${value} s`)

export function settingTables(spec: SiteSpec): Table[] {
  return [
    siteTable(spec),
    managementServerTable(spec.managementServers),
    serverTable(spec.servers),
    hypervisorTable(spec.servers),
    {
      title: 'PDUs',
      columns: ['name', 'address', 'port', 'model', 'SNMP'],
      rows: spec.pdus.map(({ name, address, port, model, snmp }) => {
        return [name, address, String(port), model, `v${snmp.version}`]
      }),
    },
    feedTable(spec),
    {
      title: 'Clusters',
      columns: ['cluster', 'required grade', 'systems', 'port'],
      rows: spec.clusters.map(({ name, requireGrade, systems }) => {
        const numbers = systems.map(({ number }) => number).join(' ')
        return [name, requireGrade, numbers, String(systems[0]?.port ?? '--')]
      }),
    },
  ]
}

function siteTable(spec: SiteSpec): Table {
  const { hardResetAfterMs, guestHardResetAfterMs, resetPath } = spec
  return {
    title: 'Site',
    columns: ['reset path port', 'fast failover', 'guest hard step'],
    rows: [
      [
        resetPath ? String(resetPath.port) : '--',
        hardResetAfterMs === 'off' ? 'off (5000 ms)' : `${hardResetAfterMs} ms`,
        `${guestHardResetAfterMs} ms`,
      ],
    ],
  }
}

function managementServerTable(servers: readonly ManagementServer[]): Table {
  return {
    title: 'Management servers',
    columns: ['name', 'peer link', 'BMC', 'account', 'PDU', 'timeout'],
    rows: servers.map(({ name, peer, bmc, pduControl, hardResetTimeoutS }) => [
      name,
      peer ? endpoint(peer) : '--',
      bmc ? endpoint(bmc) : '--',
      bmc?.username ?? '--',
      onOff(pduControl),
      seconds(hardResetTimeoutS),
    ]),
  }
}

function serverTable(servers: readonly Server[]): Table {
  return {
    title: 'Servers',
    columns: ['name', 'BMC', 'account', 'PDU', 'timeout', 'recovery wait', 'guard', 'soft', 'hard'],
    rows: servers.map((server) => [
      server.name,
      endpoint(server.bmc),
      server.bmc.username,
      onOff(server.pduControl),
      seconds(server.hardResetTimeoutS),
      server.pduRecoveryWaitS === 0 ? 'stays off' : seconds(server.pduRecoveryWaitS),
      onOff(server.pairGuard),
      server.softMethod,
      server.hardMethod,
    ]),
  }
}

function hypervisorTable(servers: readonly Server[]): Table {
  return {
    title: 'Hypervisors',
    columns: ['server', 'address', 'port', 'account', 'guest reset'],
    rows: servers.flatMap(({ name, hypervisor }) =>
      hypervisor
        ? [
            [
              name,
              hypervisor.address,
              String(hypervisor.port),
              hypervisor.username,
              hypervisor.guestReset ? 'Enable' : 'Disable',
            ],
          ]
        : [],
    ),
  }
}

function feedTable({ servers, managementServers }: SiteSpec): Table {
  const rows = [
    ...managementServers.map((owner) => ({ owner, kind: 'M' })),
    ...servers.map((owner) => ({ owner, kind: 'P' })),
  ].flatMap(({ owner, kind }) =>
    owner.feeds.map(({ pdu, outlet }) => [owner.name, kind, pdu, String(outlet)]),
  )
  return { title: 'Feeds', columns: ['owner', 'class', 'PDU', 'outlet'], rows }
}

function endpoint({ address, port }: { address: string; port: number }): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
}
