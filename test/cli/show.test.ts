import { expect, test } from 'vitest'
import { type SiteStatus, statusSchema } from '../../cli/answers.ts'
import { agentTable, pduTables, statusTables, systemTables } from '../../cli/commands/show.ts'
import { settingTables } from '../../cli/commands/show-settings.ts'
import { makePaint } from '../../cli/paint.ts'
import { renderTables, type Table } from '../../cli/table.ts'
import { validateSite } from '../../core/limits.ts'
import { rawSite } from '../core/sample-site.ts'

const NOW_MS = Date.parse('2026-01-31T09:05:00Z')
const READ_AT = '2026-01-31T09:00:00.000000Z'
const live = (value: string) => ({ value, readAt: READ_AT })
const old = (value: string) => ({ value, readAt: READ_AT, stale: true })
const never = { value: '--', readAt: null }

const STATUS: SiteStatus = statusSchema.parse({
  site: 'tokyo1',
  revision: 7,
  mode: 'redundant',
  peerLink: live('OK'),
  agents: [
    {
      name: 'HACON1',
      role: 'active',
      connected: true,
      heardAt: READ_AT,
      version: '0.1.0',
      revision: 7,
    },
    { name: 'HACON2', role: '---', connected: false, heardAt: null, version: null, revision: 6 },
  ],
  managementServers: [
    {
      name: 'HACON1',
      bmcAddress: '192.168.1.11',
      role: 'active',
      state: live('normal'),
      bmc: live('OK'),
      pdu: live('OK'),
    },
    { name: 'HACON2', bmcAddress: null, role: '---', state: old('error'), bmc: never, pdu: never },
  ],
  servers: [
    { name: 'PSERVER1', power: live('pon'), bmc: live('OK'), pdu: live('OK'), esxi: never },
    { name: 'PSERVER2', power: old('poff'), bmc: live('NG'), pdu: live('NG'), esxi: never },
  ],
  pdus: [
    {
      name: 'pdu-a',
      address: '192.168.1.101',
      model: 'ibm-ipdu',
      modelRead: live('DPI C13'),
      firmware: live('OPDP_sIBM_v01.3'),
      link: live('OK'),
      outlets: [
        { outlet: 1, state: live('Enable'), class: 'M', owner: 'HACON1' },
        { outlet: 3, state: old('Disable'), class: 'P', owner: 'PSERVER1' },
      ],
    },
  ],
  systems: [
    {
      cluster: 'db',
      number: 10001,
      name: 'db-a',
      server: 'PSERVER1',
      guest: null,
      state: live('normal'),
      address: '192.168.0.101',
      port: 6001,
      pair: 10002,
    },
    {
      cluster: 'app',
      number: 10011,
      name: 'v1',
      server: 'PSERVER3',
      guest: 'v_system01',
      state: live('----'),
      address: '192.168.0.111',
      port: 6002,
      pair: '----',
    },
  ],
})

function text(tables: readonly Table[]): string {
  return renderTables(tables, makePaint({ env: {}, isTerminal: false }))
}

test('status has the columns of the domain page, and ages what is no longer known', () => {
  expect(text(statusTables(STATUS, NOW_MS))).toBe(`\
Site tokyo1
  mode       peer link  revision
  redundant  OK         7

Management servers
  name    BMC address   role    state              BMC  PDU
  HACON1  192.168.1.11  active  normal             OK   OK
  HACON2  --            ---     error (5 min ago)  --   --

Servers
  name      power             BMC  PDU  ESXi
  PSERVER1  pon               OK   OK   --
  PSERVER2  poff (5 min ago)  NG   NG   --`)
})

test('systems of physical servers come first, then those of each hypervisor', () => {
  expect(text(systemTables(STATUS.systems, NOW_MS))).toBe(`\
Systems of physical servers
  server    name  number  state   IP             port  pair   cluster
  PSERVER1  db-a  10001   normal  192.168.0.101  6001  10002  db

Systems on hypervisor PSERVER3
  guest       name  number  state  IP             port  pair  cluster
  v_system01  v1    10011   ----   192.168.0.111  6002  ----  app`)
})

test('PDUs list their used outlets with class and owner', () => {
  expect(text(pduTables(STATUS.pdus, NOW_MS))).toBe(`\
PDUs
  name   address        model     device   firmware         link
  pdu-a  192.168.1.101  ibm-ipdu  DPI C13  OPDP_sIBM_v01.3  OK

Used outlets
  PDU    outlet  state                class  owner
  pdu-a  1       Enable               M      HACON1
  pdu-a  3       Disable (5 min ago)  P      PSERVER1`)
})

test('an agent that does not answer is not running, and one behind is out of sync', () => {
  expect(text([agentTable(STATUS.agents, STATUS.revision, NOW_MS)])).toBe(`\
Agents
  name    role    state        heard      version  revision  note
  HACON1  active  OK           5 min ago  0.1.0    7
  HACON2  ---     not running  never      --       6         out of sync`)
})

test('settings show accounts and switches and never a credential', () => {
  const verdict = validateSite(rawSite())
  if ('faults' in verdict) throw new Error('the sample must be right')
  const shown = text(settingTables(verdict.site.spec))
  expect(shown).not.toContain('eyJh')
  expect(shown).toContain(`\
Servers
  name      BMC               account   PDU  timeout  recovery wait  guard  soft  hard
  PSERVER1  192.168.1.51:623  operator  on   5 s      10 s           on     nmi   reset`)
  expect(shown).toContain(`\
Hypervisors
  server    address       port  account  guest reset
  PSERVER3  192.168.0.53  22    root     Enable`)
})
