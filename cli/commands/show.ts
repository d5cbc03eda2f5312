// palisade show: tables in the columns of spec domain.md §5. Values whose link is lost stay, with their age.
import { type ShownAgent, type ShownValue, type SiteStatus, statusSchema } from '../answers.ts'
import { type Call, type Command, type OptionSpec, SITE_OPTION } from '../command.ts'
import { EXIT } from '../exit.ts'
import { printResult } from '../print.ts'
import { chooseSite, sitePath } from '../site-choice.ts'
import { ageText, type Table } from '../table.ts'

type Part = (status: SiteStatus, call: Call) => { answer: unknown; tables: Table[] }

function showCommand(
  name: string,
  summary: string,
  part: Part,
  options: Readonly<Record<string, OptionSpec>> = {},
): Command {
  return {
    words: ['show', name],
    summary,
    options: { site: SITE_OPTION, ...options },
    async run(call) {
      const site = await chooseSite(call)
      const status = await call.client().get(sitePath(site, '/status'), statusSchema)
      const { answer, tables } = part(status, call)
      printResult(call, answer, () => tables)
      return EXIT.done
    },
  }
}

/** The value, and how old it is when nobody can say that it still holds. */
export function valueText({ value, stale, readAt }: ShownValue, nowMs: number): string {
  if (!stale) return value
  const readMs = Date.parse(readAt ?? '')
  return Number.isNaN(readMs) ? `${value} (old)` : `${value} (${ageText(nowMs - readMs)} ago)`
}

export function statusTables(status: SiteStatus, nowMs: number): Table[] {
  const text = (value: ShownValue) => valueText(value, nowMs)
  return [
    {
      title: `Site ${status.site}`,
      columns: ['mode', 'peer link', 'revision'],
      rows: [[status.mode, text(status.peerLink), String(status.revision)]],
    },
    {
      title: 'Management servers',
      columns: ['name', 'BMC address', 'role', 'state', 'BMC', 'PDU'],
      rows: status.managementServers.map(({ name, bmcAddress, role, state, bmc, pdu }) => {
        return [name, bmcAddress ?? '--', role, text(state), text(bmc), text(pdu)]
      }),
    },
    {
      title: 'Servers',
      columns: ['name', 'power', 'BMC', 'PDU', 'ESXi'],
      rows: status.servers.map(({ name, power, bmc, pdu, esxi }) => {
        return [name, text(power), text(bmc), text(pdu), text(esxi)]
      }),
    },
  ]
}

const SYSTEM_COLUMNS = ['name', 'number', 'state', 'IP', 'port', 'pair', 'cluster']

/** Systems of physical servers first, then those of each hypervisor. */
export function systemTables(systems: SiteStatus['systems'], nowMs: number): Table[] {
  const row = (system: SiteStatus['systems'][number]) => [
    system.name,
    String(system.number),
    valueText(system.state, nowMs),
    system.address,
    String(system.port),
    String(system.pair ?? '----'),
    system.cluster,
  ]
  const physical = systems.filter(({ guest }) => guest == null)
  const guests = systems.filter(({ guest }) => guest != null)
  const hosts = [...new Set(guests.map(({ server }) => server))]
  return [
    {
      title: 'Systems of physical servers',
      columns: ['server', ...SYSTEM_COLUMNS],
      rows: physical.map((system) => [system.server, ...row(system)]),
    },
    ...hosts.map((host) => ({
      title: `Systems on hypervisor ${host}`,
      columns: ['guest', ...SYSTEM_COLUMNS],
      rows: guests
        .filter(({ server }) => server === host)
        .map((system) => [system.guest ?? '', ...row(system)]),
    })),
  ]
}

export function pduTables(pdus: SiteStatus['pdus'], nowMs: number): Table[] {
  const text = (value: ShownValue) => valueText(value, nowMs)
  return [
    {
      title: 'PDUs',
      columns: ['name', 'address', 'model', 'device', 'firmware', 'link'],
      rows: pdus.map(({ name, address, model, modelRead, firmware, link }) => {
        return [name, address, model, text(modelRead), text(firmware), text(link)]
      }),
    },
    {
      title: 'Used outlets',
      columns: ['PDU', 'outlet', 'state', 'class', 'owner'],
      rows: pdus.flatMap(({ name, outlets }) =>
        outlets.map(({ outlet, state, class: kind, owner }) => {
          return [name, String(outlet), text(state), kind, owner]
        }),
      ),
    },
  ]
}

/** A stopped agent does not answer (spec domain.md §5). */
export function agentTable(agents: readonly ShownAgent[], revision: number, nowMs: number): Table {
  return {
    title: 'Agents',
    columns: ['name', 'role', 'state', 'heard', 'version', 'revision', 'note'],
    rows: agents.map((agent) => {
      const heardMs = Date.parse(agent.heardAt ?? '')
      const notes = [
        ...(agent.rolledBack ? ['lost part of its journal: enrol it anew'] : []),
        ...(agent.revision < revision ? ['out of sync'] : []),
      ]
      return [
        agent.name,
        agent.role,
        agent.connected ? 'OK' : 'not running',
        Number.isNaN(heardMs) ? 'never' : `${ageText(nowMs - heardMs)} ago`,
        agent.version ?? '--',
        String(agent.revision),
        notes.join('; '),
      ]
    }),
    empty: 'none enrolled; see `palisade help agent enroll`',
  }
}

export const showStatus = showCommand(
  'status',
  'mode, management servers and servers',
  (status, { world }) => ({
    answer: status,
    tables: statusTables(status, world.clock.wallMs()),
  }),
)

export const showSystems = showCommand(
  'systems',
  'every system with its state',
  (status, { args, world }) => {
    const server = args.text('server')
    const systems = status.systems.filter((s) => server === undefined || s.server === server)
    return { answer: { systems }, tables: systemTables(systems, world.clock.wallMs()) }
  },
  { server: { type: 'string', value: 'NAME', summary: 'only those of this server' } },
)

export const showPdus = showCommand(
  'pdus',
  'PDUs and their used outlets',
  (status, { args, world }) => {
    const name = args.text('pdu')
    const pdus = status.pdus.filter((pdu) => name === undefined || pdu.name === name)
    return { answer: { pdus }, tables: pduTables(pdus, world.clock.wallMs()) }
  },
  { pdu: { type: 'string', value: 'NAME', summary: 'only this PDU' } },
)

const agentsPart: Part = ({ agents, revision }, { world }) => ({
  answer: { agents, revision },
  tables: [agentTable(agents, revision, world.clock.wallMs())],
})
export const showAgents = showCommand('agents', 'the agents of a site', agentsPart)
export const agentList: Command = { ...showAgents, words: ['agent', 'list'] }

export const showVersion = showCommand('version', 'the version of each agent', ({ agents }) => {
  const versions = new Set(agents.flatMap(({ connected, version }) => (connected ? [version] : [])))
  const rows = agents.map(({ name, connected, version }) => [
    name,
    connected ? (version ?? '--') : 'not running',
    versions.size > 1 ? 'unequal: upgrade the standby first, then switch over' : '',
  ])
  return {
    answer: {
      agents: agents.map(({ name, connected, version }) => ({ name, connected, version })),
      equal: versions.size <= 1,
    },
    tables: [{ title: 'Versions', columns: ['agent', 'version', 'note'], rows }],
  }
})
