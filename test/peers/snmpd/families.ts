// What switched PDUs serve, family by family, in the notation of spec protocols.md §3.1 and §3.2 and taken
// from there alone: Palisade's own table is checked against this one, so neither is made from the other.
// OIDs lie below 1.3.6.1.4.1; letters stand for the index numbers, `n` for the outlet.

export type State = 'on' | 'off'
export type Effect = State | 'cycle' | 'later' | 'nothing'

export interface ServedFamily {
  /** Of the site file. */
  model: string
  detect: string
  /** What each written value does; a list of columns takes a delay in seconds instead. */
  control: { oid: string; takes: Record<number, Effect>; idle?: number } | Record<State, string>
  status: { oid: string; shows: Record<State, number>; turning?: Record<State, number> }
  /** Documented values that are neither on nor off. */
  odd?: number[]
  pending?: { oid: string; yes: number; no: number; odd?: number[] }
  /** Another integer column, with the value of a healthy outlet. */
  also?: { oid: string; value: number; bad?: number; meaning?: string }
  names?: string
  texts?: { model?: [oid: string, text: string]; firmware?: [oid: string, text: string] }
  /** The number of the first outlet in `n`; 1 unless told. */
  from?: number
  /** Letters other than `n`, for each unit of the device, with what the site file calls it. */
  units?: { letters: Record<string, number>; site: { unit?: number; branch?: number } }[]
  /** Switches every outlet at once. */
  all?: { oid: string; takes: Record<number, Effect> }
  /** Columns of another firmware that read 0 for every outlet. */
  decoy?: string
}

const APC_COMMANDS: Record<number, Effect> = { 1: 'on', 2: 'off', 3: 'cycle', 7: 'nothing' }
const IBM_COMMANDS: Record<number, Effect> = { 0: 'off', 1: 'on', 2: 'cycle', 3: 'later' }
const RARITAN_COMMANDS: Record<number, Effect> = { 0: 'off', 1: 'on', 2: 'cycle' }

function inUnits(letter: string, first: number): NonNullable<ServedFamily['units']> {
  return [
    { letters: { [letter]: first }, site: {} },
    { letters: { [letter]: first + 1 }, site: { unit: 2 } },
  ]
}

function inBranches(unit: string, branch: string): NonNullable<ServedFamily['units']> {
  return [
    { letters: { [unit]: 1, [branch]: 1 }, site: {} },
    { letters: { [unit]: 1, [branch]: 2 }, site: { branch: 2 } },
    { letters: { [unit]: 2, [branch]: 3 }, site: { unit: 2, branch: 3 } },
  ]
}

export const FAMILIES = {
  ibm: {
    model: 'ibm-ipdu',
    detect: '2.6.223',
    control: { oid: '2.6.223.8.2.2.1.11.n', takes: IBM_COMMANDS },
    status: { oid: '2.6.223.8.2.2.1.11.n', shows: { off: 0, on: 1 }, turning: { off: 3, on: 4 } },
    names: '2.6.223.8.2.2.1.2.n',
    texts: { firmware: ['2.6.223.7.3.0', 'OPDP_sIBM_v01.3_7'] },
  },
  'ibm-lenovo': {
    model: 'ibm-ipdu',
    detect: '2.6.223',
    control: { oid: '2.6.223.8.2.2.1.13.n', takes: IBM_COMMANDS },
    status: { oid: '2.6.223.8.2.2.1.13.n', shows: { off: 0, on: 1 }, turning: { off: 3, on: 4 } },
    names: '2.6.223.8.2.2.1.2.n',
    texts: { firmware: ['2.6.223.7.3.0', 'OPDP_sLEN_v02.1_3'] },
    decoy: '2.6.223.8.2.2.1.11.n',
  },
  'apc-rpdu': {
    model: 'apc-rpdu',
    detect: '318.1.3.4.5',
    control: { oid: '318.1.1.12.3.3.1.1.4.n', takes: APC_COMMANDS },
    status: { oid: '318.1.1.12.3.5.1.1.4.n', shows: { on: 1, off: 2 } },
    pending: { oid: '318.1.1.12.3.5.1.1.5.n', yes: 1, no: 2 },
    names: '318.1.1.12.3.5.1.1.2.n',
    texts: { model: ['318.1.1.12.1.5.0', 'AP7920'], firmware: ['318.1.1.12.1.3.0', 'v3.9.2'] },
  },
  'apc-rpdu2': {
    model: 'apc-rpdu2',
    detect: '318.1.3.4.6',
    control: {
      oid: '318.1.1.26.9.2.4.1.5.i',
      takes: { 1: 'on', 2: 'off', 3: 'cycle', 5: 'later' },
    },
    status: { oid: '318.1.1.26.9.2.3.1.5.i', shows: { off: 1, on: 2 } },
    pending: { oid: '318.1.1.26.9.2.3.1.6.i', yes: 1, no: 2, odd: [3] },
    names: '318.1.1.26.9.2.3.1.3.i',
    texts: { model: ['318.1.1.26.2.1.8.1', 'AP8941'], firmware: ['318.1.1.26.2.1.6.1', 'v6.5.6'] },
  },
  'apc-masterswitch': {
    model: 'apc-masterswitch',
    detect: '318.1.3.4.2',
    control: { oid: '318.1.1.4.4.2.1.3.n', takes: { 1: 'on', 2: 'off', 3: 'cycle', 5: 'later' } },
    status: { oid: '318.1.1.4.4.2.1.3.n', shows: { on: 1, off: 2 } },
    odd: [4],
    pending: { oid: '318.1.1.4.4.2.1.2.n', yes: 1, no: 2 },
    names: '318.1.1.4.4.2.1.4.n',
    texts: { model: ['318.1.1.4.1.4.0', 'AP9212'], firmware: ['318.1.1.4.1.2.0', 'v2.2.0'] },
  },
  'apc-masterswitch-plus': {
    model: 'apc-masterswitch-plus',
    detect: '318.1.3.4.4',
    control: {
      oid: '318.1.1.6.5.1.1.5.s.1.n',
      takes: { 1: 'on', 2: 'later', 3: 'off', 4: 'cycle', 5: 'cycle', 6: 'later', 8: 'nothing' },
    },
    status: { oid: '318.1.1.6.7.1.1.5.s.1.n', shows: { on: 1, off: 2 } },
    names: '318.1.1.6.7.1.1.4.s.1.n',
    units: inUnits('s', 1),
  },
  'apc-easy-pdu': {
    model: 'apc-easy-pdu',
    detect: '318.1.3.4.9',
    control: { oid: '318.1.1.30.6.2.1.4.i', takes: { 1: 'on', 2: 'off' } },
    status: { oid: '318.1.1.30.6.1.1.4.i', shows: { off: 1, on: 2 } },
    odd: [3],
  },
  'raritan-px2': {
    model: 'raritan-px2',
    detect: '13742.6',
    control: { oid: '13742.6.4.1.2.1.2.u.n', takes: RARITAN_COMMANDS },
    status: { oid: '13742.6.4.1.2.1.3.u.n', shows: { on: 7, off: 8 } },
    odd: [-1, 0, 1],
    names: '13742.6.3.5.3.1.3.u.n',
    texts: {
      model: ['13742.6.3.2.1.1.3.u', 'PX2-5190R'],
      firmware: ['13742.6.3.2.3.1.6.u.1.1', '4.1.0'],
    },
    units: inUnits('u', 1),
  },
  'raritan-px1': {
    model: 'raritan-px1',
    detect: '13742.4',
    control: { oid: '13742.4.1.2.2.1.3.n', takes: RARITAN_COMMANDS },
    status: { oid: '13742.4.1.2.2.1.3.n', shows: { off: 0, on: 1 } },
    odd: [-1],
    names: '13742.4.1.2.2.1.2.n',
  },
  'raritan-px1-old': {
    model: 'raritan-px1-old',
    detect: '13742.1',
    control: { oid: '13742.1.2.2.1.3.n', takes: RARITAN_COMMANDS },
    status: { oid: '13742.1.2.2.1.3.n', shows: { off: 0, on: 1 } },
    odd: [-1],
    names: '13742.1.2.2.1.2.n',
    texts: { model: ['13742.1.1.12.0', 'DPXS20-20L'], firmware: ['13742.1.1.1.0', '1.5.20'] },
  },
  'eaton-epdu-g3': {
    model: 'eaton-epdu-g3',
    detect: '534.6.6.7',
    control: { off: '534.6.6.7.6.6.1.3.u.n', on: '534.6.6.7.6.6.1.4.u.n' },
    status: {
      oid: '534.6.6.7.6.6.1.2.u.n',
      shows: { off: 0, on: 1 },
      turning: { off: 2, on: 3 },
    },
    odd: [2, 3],
    also: { oid: '534.6.6.7.6.6.1.9.u.n', value: 1, bad: 2, meaning: 'switchable' },
    names: '534.6.6.7.6.1.1.3.u.n',
    texts: {
      model: ['534.6.6.7.1.2.1.2.u', 'EMAB33'],
      firmware: ['534.6.6.7.1.2.1.5.u', '05.01.0002'],
    },
    units: inUnits('u', 0),
  },
  'eaton-managed': {
    model: 'eaton-managed',
    detect: '534.6.6.6',
    control: { oid: '534.6.6.6.1.2.2.1.3.n', takes: RARITAN_COMMANDS },
    status: { oid: '534.6.6.6.1.2.2.1.3.n', shows: { off: 0, on: 1 } },
    from: 0,
    names: '534.6.6.6.1.2.2.1.2.n',
    texts: { model: ['534.6.6.6.1.1.12.0', 'PW107MI0U'], firmware: ['534.6.6.6.1.1.1.0', '01.01'] },
  },
  'eaton-switched': {
    model: 'eaton-switched',
    detect: '20677.1',
    control: { oid: '20677.2.6.2.(n+1).0', takes: { 1: 'on', 2: 'off', 3: 'cycle' } },
    status: { oid: '20677.2.6.3.n.0', shows: { on: 1, off: 2 } },
    odd: [0],
    all: { oid: '20677.2.6.2.1.0', takes: { 1: 'on', 2: 'off' } },
    names: '20677.2.6.1.n.1.0',
    texts: { model: ['20677.2.1.1.0', 'PW105'] },
  },
  'hpe-epdu': {
    model: 'hpe-epdu',
    detect: '232.165.7',
    control: { off: '232.165.7.5.2.1.2.u.n', on: '232.165.7.5.2.1.3.u.n' },
    status: {
      oid: '232.165.7.5.2.1.1.u.n',
      shows: { off: 1, on: 2 },
      turning: { off: 3, on: 4 },
    },
    odd: [3, 4],
    names: '232.165.7.5.1.1.2.u.n',
    texts: {
      model: ['232.165.7.1.2.1.3.u', 'P9S18A'],
      firmware: ['232.165.7.1.2.1.5.u', '2.0.0.J'],
    },
    units: inUnits('u', 1),
  },
  'hpe-pdu3': {
    model: 'hpe-pdu3',
    detect: '232.165.11',
    control: { off: '232.165.11.5.2.1.2.1.n', on: '232.165.11.5.2.1.3.1.n' },
    status: {
      oid: '232.165.11.5.2.1.1.1.n',
      shows: { off: 1, on: 2 },
      turning: { off: 3, on: 4 },
    },
    odd: [3, 4],
  },
  'tripp-lite-lx': {
    model: 'tripp-lite-lx',
    detect: '850.1.1.1',
    control: {
      oid: '850.1.1.3.2.3.3.1.1.6.d.n',
      takes: { 1: 'off', 2: 'on', 3: 'cycle' },
      idle: 0,
    },
    status: { oid: '850.1.1.3.2.3.3.1.1.4.d.n', shows: { off: 1, on: 2 } },
    odd: [0],
    names: '850.1.1.3.2.3.3.1.1.2.d.n',
    units: [{ letters: { d: 3 }, site: {} }],
  },
  'tripp-lite': {
    model: 'tripp-lite',
    detect: '850.1',
    control: { oid: '850.10.2.3.5.1.4.1.n', takes: { 1: 'off', 2: 'on' } },
    status: { oid: '850.10.2.3.5.1.2.1.n', shows: { off: 1, on: 2 } },
    names: '850.10.2.3.5.1.5.1.n',
  },
  sentry3: {
    model: 'sentry3',
    detect: '1718.3',
    control: {
      oid: '1718.3.2.3.1.11.t.f.n',
      takes: { 0: 'nothing', 1: 'on', 2: 'off', 3: 'cycle' },
      idle: 0,
    },
    status: {
      oid: '1718.3.2.3.1.5.t.f.n',
      shows: { off: 0, on: 1 },
      turning: { off: 2, on: 3 },
    },
    odd: [2, 3, 4, 5, 6, 7, 8, 9],
    names: '1718.3.2.3.1.3.t.f.n',
    texts: { model: ['1718.3.2.1.1.7.t', 'CW-24V2'], firmware: ['1718.3.1.1.0', '7.0q'] },
    units: inBranches('t', 'f'),
  },
  sentry4: {
    model: 'sentry4',
    detect: '1718.4',
    control: {
      oid: '1718.4.1.8.5.1.2.u.c.n',
      takes: { 0: 'nothing', 1: 'on', 2: 'off', 3: 'cycle', 4: 'later', 5: 'later', 6: 'later' },
      idle: 0,
    },
    status: { oid: '1718.4.1.8.3.1.1.u.c.n', shows: { on: 1, off: 2 } },
    odd: [0],
    names: '1718.4.1.8.2.1.3.u.c.n',
    texts: { model: ['1718.4.1.2.2.1.5.u', 'C2W36TE'], firmware: ['1718.4.1.1.1.3.0', '8.0m'] },
    units: inBranches('u', 'c'),
  },
  'geist-v5': {
    model: 'geist-v5',
    detect: '21239.5.2',
    control: {
      oid: '21239.5.2.3.5.1.6.i',
      takes: { 1: 'nothing', 2: 'on', 3: 'later', 4: 'off', 5: 'later', 6: 'cycle', 7: 'later' },
      idle: 8,
    },
    status: {
      oid: '21239.5.2.3.5.1.4.i',
      shows: { on: 1, off: 2 },
      turning: { off: 5, on: 3 },
    },
    odd: [3, 4, 5, 6, 7],
    also: { oid: '21239.5.2.3.5.1.5.i', value: 2 },
    names: '21239.5.2.3.5.1.2.i',
    texts: { model: ['21239.5.2.1.8.0', 'VP8863'], firmware: ['21239.5.2.1.2.0', '5.3.3'] },
  },
  'liebert-mpx': {
    model: 'liebert-mpx',
    detect: '476.1.42',
    control: { oid: '476.1.42.3.8.50.20.1.100.a.b.c', takes: { 0: 'off', 1: 'on', 2: 'cycle' } },
    status: {
      oid: '476.1.42.3.8.50.20.1.95.a.b.c',
      shows: { off: 1, on: 2 },
      turning: { off: 0, on: 3 },
    },
    odd: [0, 3],
    also: {
      oid: '476.1.42.3.8.50.20.1.105.a.b.c',
      value: 1,
      bad: 2,
      meaning: 'unlocked',
    },
    names: '476.1.42.3.8.50.20.1.10.a.b.c',
    units: inBranches('a', 'b'),
  },
  'cyberpower-epdu': {
    model: 'cyberpower-epdu',
    detect: '3808.1.1.3',
    control: { oid: '3808.1.1.3.3.3.1.1.4.n', takes: APC_COMMANDS },
    status: { oid: '3808.1.1.3.3.5.1.1.4.n', shows: { on: 1, off: 2 } },
    names: '3808.1.1.3.3.5.1.1.2.n',
    texts: { firmware: ['3808.1.1.3.1.3.0', '2.0.5'] },
  },
  'cyberpower-epdu2': {
    model: 'cyberpower-epdu2',
    detect: '3808.1.1.6',
    control: { oid: '3808.1.1.6.6.1.5.1.5.i', takes: { ...APC_COMMANDS, 8: 'nothing' } },
    status: { oid: '3808.1.1.6.6.1.4.1.5.i', shows: { on: 1, off: 2 } },
    names: '3808.1.1.6.6.1.4.1.4.i',
  },
  'avocent-pm': {
    model: 'avocent-pm',
    detect: '10418.17.1.7',
    control: { oid: '10418.17.2.5.5.1.6.1.u.n', takes: { 2: 'on', 3: 'off', 4: 'cycle' }, idle: 1 },
    status: { oid: '10418.17.2.5.5.1.5.1.u.n', shows: { off: 1, on: 2 } },
    odd: [3, 4, 5, 6, 7, 8, 9, 12],
    names: '10418.17.2.5.5.1.4.1.u.n',
    texts: { model: ['10418.17.2.1.2.0', 'PM3003V'], firmware: ['10418.17.2.1.7.0', '2.0.2.9'] },
    units: inUnits('u', 1),
  },
  baytech: {
    model: 'baytech',
    detect: '4779',
    control: { oid: '4779.1.3.5.3.1.3.u.n', takes: RARITAN_COMMANDS },
    status: { oid: '4779.1.3.5.3.1.3.u.n', shows: { off: 0, on: 1 } },
    names: '4779.1.3.5.3.1.4.u.n',
    texts: { model: ['4779.1.3.5.2.1.24.u', 'MMP-14'], firmware: ['4779.1.1.1.0', 'F.2.04'] },
    units: inUnits('u', 1),
  },
  /** In no table: the site file describes it. */
  aten: {
    model: 'custom',
    detect: '21317.1.3',
    control: { oid: '21317.1.3.2.2.2.2.n.0', takes: { 1: 'off', 2: 'on', 4: 'cycle' } },
    status: { oid: '21317.1.3.2.2.2.2.n.0', shows: { off: 1, on: 2 } },
  },
  teltronix: {
    model: 'custom',
    detect: '23620.1',
    control: { oid: '23620.1.2.2.1.4.n', takes: { 1: 'off', 2: 'on' } },
    status: { oid: '23620.1.2.2.1.4.n', shows: { off: 1, on: 2 } },
    names: '23620.1.2.2.1.3.n',
  },
} satisfies Record<string, ServedFamily>

export type Family = keyof typeof FAMILIES
