// The table of PDU families: a further one is a further row (spec protocols.md §3.1 and §3.2).
//
// Rows name the first unit of a daisy chain only. Left out are families whose identity cannot be proven
// (APC MasterSwitch, Aten, Teltronix, Lindy: no sysObjectID known) and Liebert, whose outlets have
// three-part numbers and locks.
import { isBelow, type OutletColumns, type PduModel } from './pdu-model.ts'

const SYS_DESCR = '1.3.6.1.2.1.1.1.0'
const ENTERPRISES = '1.3.6.1.4.1'
const IBM = `${ENTERPRISES}.2.6.223`
const APC = `${ENTERPRISES}.318.1`
const RARITAN = `${ENTERPRISES}.13742`
const EATON = `${ENTERPRISES}.534.6.6`
const PULIZZI = `${ENTERPRISES}.20677`
const HPE = `${ENTERPRISES}.232.165`
const TRIPP_LITE = `${ENTERPRISES}.850`
const SENTRY = `${ENTERPRISES}.1718`
const GEIST = `${ENTERPRISES}.21239.5.2`
const CYBERPOWER = `${ENTERPRISES}.3808.1.1`
const AVOCENT = `${ENTERPRISES}.10418.17`
const BAYTECH = `${ENTERPRISES}.4779`

interface Pair {
  on: number
  off: number
}
const ON_1_OFF_0: Pair = { on: 1, off: 0 }
const ON_1_OFF_2: Pair = { on: 1, off: 2 }
const ON_2_OFF_1: Pair = { on: 2, off: 1 }

/** One column is written, `written` gives its values; `read` gives those of the status column. */
function outlets(control: string, written: Pair, status: string, read: Pair): OutletColumns {
  return {
    off: { oid: control, value: written.off },
    on: { oid: control, value: written.on },
    status: { oid: status, on: [read.on], off: [read.off] },
  }
}

/** Two columns take a delay in seconds; zero acts now. */
function delayed(offOid: string, onOid: string, status: string, read: Pair): OutletColumns {
  return {
    off: { oid: offOid, value: 0 },
    on: { oid: onOid, value: 0 },
    status: { oid: status, on: [read.on], off: [read.off] },
  }
}

const ibmColumns = (column: number) =>
  outlets(`${IBM}.8.2.2.1.${column}.{n}`, ON_1_OFF_0, `${IBM}.8.2.2.1.${column}.{n}`, ON_1_OFF_0)

const notPending = (oid: string) => [{ oid, values: [2], meaning: 'settled' }]

export const PDU_MODELS: readonly PduModel[] = [
  {
    name: 'ibm-ipdu',
    title: 'IBM and Lenovo iPDU',
    sysObjectIds: [IBM],
    columns: ibmColumns(11),
    otherFirmware: { contains: 'sLEN', columns: ibmColumns(13) },
    outletNameOid: `${IBM}.8.2.2.1.2.{n}`,
    modelOid: SYS_DESCR,
    firmwareOid: `${IBM}.7.3.0`,
    maxOutlets: 12,
    tried: 'simulated',
  },
  {
    name: 'apc-rpdu',
    title: 'APC Switched Rack PDU (AP79xx)',
    sysObjectIds: [`${APC}.3.4.5`],
    columns: {
      ...outlets(`${APC}.1.12.3.3.1.1.4.{n}`, ON_1_OFF_2, `${APC}.1.12.3.5.1.1.4.{n}`, ON_1_OFF_2),
      conditions: notPending(`${APC}.1.12.3.5.1.1.5.{n}`),
    },
    outletNameOid: `${APC}.1.12.3.5.1.1.2.{n}`,
    modelOid: `${APC}.1.12.1.5.0`,
    firmwareOid: `${APC}.1.12.1.3.0`,
    tried: 'simulated',
  },
  {
    name: 'apc-rpdu2',
    title: 'APC Rack PDU 2G (AP8xxx and later)',
    sysObjectIds: [`${APC}.3.4.6`],
    columns: {
      ...outlets(`${APC}.1.26.9.2.4.1.5.{n}`, ON_1_OFF_2, `${APC}.1.26.9.2.3.1.5.{n}`, ON_2_OFF_1),
      conditions: notPending(`${APC}.1.26.9.2.3.1.6.{n}`),
    },
    outletNameOid: `${APC}.1.26.9.2.3.1.3.{n}`,
    modelOid: `${APC}.1.26.2.1.8.1`,
    firmwareOid: `${APC}.1.26.2.1.6.1`,
    tried: 'simulated',
  },
  {
    name: 'apc-masterswitch-plus',
    title: 'APC MasterSwitch Plus',
    sysObjectIds: [`${APC}.3.4.4`],
    columns: outlets(
      `${APC}.1.6.5.1.1.5.1.1.{n}`,
      { on: 1, off: 3 },
      `${APC}.1.6.7.1.1.5.1.1.{n}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${APC}.1.6.7.1.1.4.1.1.{n}`,
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'apc-easy-pdu',
    title: 'APC Easy PDU',
    sysObjectIds: [`${APC}.3.4.9`],
    columns: outlets(`${APC}.1.30.6.2.1.4.{n}`, ON_1_OFF_2, `${APC}.1.30.6.1.1.4.{n}`, ON_2_OFF_1),
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'raritan-px2',
    title: 'Raritan PX2 and PX3',
    sysObjectIds: [`${RARITAN}.6`],
    columns: outlets(`${RARITAN}.6.4.1.2.1.2.1.{n}`, ON_1_OFF_0, `${RARITAN}.6.4.1.2.1.3.1.{n}`, {
      on: 7,
      off: 8,
    }),
    outletNameOid: `${RARITAN}.6.3.5.3.1.3.1.{n}`,
    modelOid: `${RARITAN}.6.3.2.1.1.3.1`,
    firmwareOid: `${RARITAN}.6.3.2.3.1.6.1.1.1`,
    tried: 'untried',
  },
  {
    name: 'raritan-px1',
    title: 'Raritan PX1',
    sysObjectIds: [`${RARITAN}.4`],
    columns: outlets(
      `${RARITAN}.4.1.2.2.1.3.{n}`,
      ON_1_OFF_0,
      `${RARITAN}.4.1.2.2.1.3.{n}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${RARITAN}.4.1.2.2.1.2.{n}`,
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'raritan-px1-old',
    title: 'Raritan PX1 with the older number tree',
    sysObjectIds: [`${RARITAN}.1`],
    columns: outlets(
      `${RARITAN}.1.2.2.1.3.{n}`,
      ON_1_OFF_0,
      `${RARITAN}.1.2.2.1.3.{n}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${RARITAN}.1.2.2.1.2.{n}`,
    modelOid: `${RARITAN}.1.1.12.0`,
    firmwareOid: `${RARITAN}.1.1.1.0`,
    tried: 'untried',
  },
  {
    name: 'eaton-epdu-g3',
    title: 'Eaton ePDU G2 and G3',
    sysObjectIds: [`${EATON}.7`],
    columns: delayed(
      `${EATON}.7.6.6.1.3.0.{n}`,
      `${EATON}.7.6.6.1.4.0.{n}`,
      `${EATON}.7.6.6.1.2.0.{n}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${EATON}.7.6.1.1.3.0.{n}`,
    modelOid: `${EATON}.7.1.2.1.2.0`,
    firmwareOid: `${EATON}.7.1.2.1.5.0`,
    tried: 'untried',
  },
  {
    name: 'eaton-managed',
    title: 'Eaton Managed ePDU',
    sysObjectIds: [`${EATON}.6`],
    columns: outlets(
      `${EATON}.6.1.2.2.1.3.{n-1}`,
      ON_1_OFF_0,
      `${EATON}.6.1.2.2.1.3.{n-1}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${EATON}.6.1.2.2.1.2.{n-1}`,
    modelOid: `${EATON}.6.1.1.12.0`,
    firmwareOid: `${EATON}.6.1.1.1.0`,
    tried: 'untried',
  },
  {
    name: 'eaton-switched',
    title: 'Eaton Switched ePDU (Pulizzi)',
    sysObjectIds: [`${PULIZZI}.1`, `${PULIZZI}.2`],
    // Control index 1 switches every outlet at once; outlet 1 has index 2.
    columns: outlets(`${PULIZZI}.2.6.2.{n+1}.0`, ON_1_OFF_2, `${PULIZZI}.2.6.3.{n}.0`, ON_1_OFF_2),
    outletNameOid: `${PULIZZI}.2.6.1.{n}.1.0`,
    modelOid: `${PULIZZI}.2.1.1.0`,
    tried: 'untried',
  },
  {
    name: 'hpe-epdu',
    title: 'HPE ePDU',
    sysObjectIds: [`${HPE}.7`],
    columns: delayed(
      `${HPE}.7.5.2.1.2.1.{n}`,
      `${HPE}.7.5.2.1.3.1.{n}`,
      `${HPE}.7.5.2.1.1.1.{n}`,
      ON_2_OFF_1,
    ),
    outletNameOid: `${HPE}.7.5.1.1.2.1.{n}`,
    modelOid: `${HPE}.7.1.2.1.3.1`,
    firmwareOid: `${HPE}.7.1.2.1.5.1`,
    tried: 'untried',
  },
  {
    name: 'hpe-pdu3',
    title: 'HPE PDU3 CIS',
    sysObjectIds: [`${HPE}.11`],
    columns: delayed(
      `${HPE}.11.5.2.1.2.1.{n}`,
      `${HPE}.11.5.2.1.3.1.{n}`,
      `${HPE}.11.5.2.1.1.1.{n}`,
      ON_2_OFF_1,
    ),
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'tripp-lite-lx',
    title: 'Tripp Lite WEBCARDLX, first device',
    sysObjectIds: [`${TRIPP_LITE}.1.1.1`],
    columns: outlets(
      `${TRIPP_LITE}.1.1.3.2.3.3.1.1.6.1.{n}`,
      ON_2_OFF_1,
      `${TRIPP_LITE}.1.1.3.2.3.3.1.1.4.1.{n}`,
      ON_2_OFF_1,
    ),
    outletNameOid: `${TRIPP_LITE}.1.1.3.2.3.3.1.1.2.1.{n}`,
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'tripp-lite',
    title: 'Tripp Lite, older cards',
    sysObjectIds: [`${TRIPP_LITE}.1`],
    columns: outlets(
      `${TRIPP_LITE}.10.2.3.5.1.4.1.{n}`,
      ON_2_OFF_1,
      `${TRIPP_LITE}.10.2.3.5.1.2.1.{n}`,
      ON_2_OFF_1,
    ),
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'sentry3',
    title: 'Server Technology Sentry3, first tower and infeed',
    sysObjectIds: [`${SENTRY}.3`],
    columns: outlets(
      `${SENTRY}.3.2.3.1.11.1.1.{n}`,
      ON_1_OFF_2,
      `${SENTRY}.3.2.3.1.5.1.1.{n}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${SENTRY}.3.2.3.1.3.1.1.{n}`,
    modelOid: `${SENTRY}.3.2.1.1.7.1`,
    firmwareOid: `${SENTRY}.3.1.1.0`,
    tried: 'untried',
  },
  {
    name: 'sentry4',
    title: 'Server Technology Sentry4, first unit and cord',
    sysObjectIds: [`${SENTRY}.4`],
    columns: outlets(
      `${SENTRY}.4.1.8.5.1.2.1.1.{n}`,
      ON_1_OFF_2,
      `${SENTRY}.4.1.8.3.1.1.1.1.{n}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${SENTRY}.4.1.8.2.1.3.1.1.{n}`,
    modelOid: `${SENTRY}.4.1.2.2.1.5.1`,
    firmwareOid: `${SENTRY}.4.1.1.1.3.0`,
    tried: 'untried',
  },
  {
    name: 'geist-v5',
    title: 'Vertiv Geist Upgradeable PDU (V5)',
    sysObjectIds: [GEIST],
    columns: {
      ...outlets(`${GEIST}.3.5.1.6.{n}`, { on: 2, off: 4 }, `${GEIST}.3.5.1.4.{n}`, ON_1_OFF_2),
      conditions: [{ oid: `${GEIST}.3.5.1.5.{n}`, values: [2], meaning: 'relay ok' }],
    },
    outletNameOid: `${GEIST}.3.5.1.2.{n}`,
    modelOid: `${GEIST}.1.8.0`,
    firmwareOid: `${GEIST}.1.2.0`,
    tried: 'untried',
  },
  {
    name: 'cyberpower-epdu',
    title: 'CyberPower ePDU',
    sysObjectIds: [`${CYBERPOWER}.3`],
    columns: outlets(
      `${CYBERPOWER}.3.3.3.1.1.4.{n}`,
      ON_1_OFF_2,
      `${CYBERPOWER}.3.3.5.1.1.4.{n}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${CYBERPOWER}.3.3.5.1.1.2.{n}`,
    modelOid: SYS_DESCR,
    firmwareOid: `${CYBERPOWER}.3.1.3.0`,
    tried: 'untried',
  },
  {
    name: 'cyberpower-epdu2',
    title: 'CyberPower ePDU2',
    sysObjectIds: [`${CYBERPOWER}.6`],
    columns: outlets(
      `${CYBERPOWER}.6.6.1.5.1.5.{n}`,
      ON_1_OFF_2,
      `${CYBERPOWER}.6.6.1.4.1.5.{n}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${CYBERPOWER}.6.6.1.4.1.4.{n}`,
    modelOid: SYS_DESCR,
    tried: 'untried',
  },
  {
    name: 'avocent-pm',
    title: 'Avocent PM',
    sysObjectIds: [`${AVOCENT}.1.7`],
    columns: outlets(
      `${AVOCENT}.2.5.5.1.6.1.1.{n}`,
      { on: 2, off: 3 },
      `${AVOCENT}.2.5.5.1.5.1.1.{n}`,
      ON_2_OFF_1,
    ),
    outletNameOid: `${AVOCENT}.2.5.5.1.4.1.1.{n}`,
    modelOid: `${AVOCENT}.2.1.2.0`,
    firmwareOid: `${AVOCENT}.2.1.7.0`,
    tried: 'untried',
  },
  {
    name: 'baytech',
    title: 'Baytech',
    sysObjectIds: [BAYTECH],
    columns: outlets(
      `${BAYTECH}.1.3.5.3.1.3.1.{n}`,
      ON_1_OFF_0,
      `${BAYTECH}.1.3.5.3.1.3.1.{n}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${BAYTECH}.1.3.5.3.1.4.1.{n}`,
    modelOid: `${BAYTECH}.1.3.5.2.1.24.1`,
    firmwareOid: `${BAYTECH}.1.1.1.0`,
    tried: 'untried',
  },
]

/** The row of that name. */
export function findPduModel(name: string): PduModel | undefined {
  return PDU_MODELS.find((model) => model.name === name)
}

/** Why this model name cannot be used, listing those that can; undefined when it is known. */
export function refusePduModel(name: string): string | undefined {
  if (findPduModel(name)) return undefined
  return `model ${JSON.stringify(name)} is unknown; known: ${PDU_MODELS.map((m) => m.name).join(', ')}`
}

/**
 * The families whose prefix fits this sysObjectID most closely; none when no family is known for it.
 * A device is never taken for another family (spec protocols.md §3.3 rule 4).
 */
export function detectPduModels(sysObjectId: string): PduModel[] {
  const fits = PDU_MODELS.flatMap((model) =>
    model.sysObjectIds
      .filter((prefix) => isBelow(sysObjectId, prefix))
      .map((prefix) => ({ model, arcs: prefix.split('.').length })),
  )
  const closest = Math.max(0, ...fits.map(({ arcs }) => arcs))
  return fits.filter(({ arcs }) => arcs === closest).map(({ model }) => model)
}
