// The table of PDU families: a further one is a further row (spec protocols.md §3.1 and §3.2). Left out
// are families whose identity cannot be proven (Aten, Teltronix, Lindy): the model `custom` of a site
// file describes such a PDU.
import {
  type Condition,
  isBelow,
  type OutletColumns,
  type PduModel,
  SYS_DESCR,
} from './pdu-model.ts'

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
const LIEBERT = `${ENTERPRISES}.476.1.42`
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
  outlets(
    `${IBM}.8.2.2.1.${column}.{outlet}`,
    ON_1_OFF_0,
    `${IBM}.8.2.2.1.${column}.{outlet}`,
    ON_1_OFF_0,
  )

const notPending = (oid: string): Condition[] => [
  { oid, values: [2], meaning: 'settled', mayLack: true },
]

export const PDU_MODELS: readonly PduModel[] = [
  {
    name: 'ibm-ipdu',
    title: 'IBM and Lenovo iPDU',
    sysObjectIds: [IBM],
    columns: ibmColumns(11),
    otherFirmware: { contains: 'sLEN', columns: ibmColumns(13) },
    outletNameOid: `${IBM}.8.2.2.1.2.{outlet}`,
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
      ...outlets(
        `${APC}.1.12.3.3.1.1.4.{outlet}`,
        ON_1_OFF_2,
        `${APC}.1.12.3.5.1.1.4.{outlet}`,
        ON_1_OFF_2,
      ),
      conditions: notPending(`${APC}.1.12.3.5.1.1.5.{outlet}`),
    },
    outletNameOid: `${APC}.1.12.3.5.1.1.2.{outlet}`,
    modelOid: `${APC}.1.12.1.5.0`,
    firmwareOid: `${APC}.1.12.1.3.0`,
    tried: 'simulated',
  },
  {
    name: 'apc-rpdu2',
    title: 'APC Rack PDU 2G (AP8xxx and later)',
    sysObjectIds: [`${APC}.3.4.6`],
    columns: {
      ...outlets(
        `${APC}.1.26.9.2.4.1.5.{outlet}`,
        ON_1_OFF_2,
        `${APC}.1.26.9.2.3.1.5.{outlet}`,
        ON_2_OFF_1,
      ),
      conditions: notPending(`${APC}.1.26.9.2.3.1.6.{outlet}`),
    },
    outletNameOid: `${APC}.1.26.9.2.3.1.3.{outlet}`,
    modelOid: `${APC}.1.26.2.1.8.1`,
    firmwareOid: `${APC}.1.26.2.1.6.1`,
    tried: 'simulated',
  },
  {
    name: 'apc-masterswitch',
    title: 'APC MasterSwitch',
    // The first two versions; the third keeps its outlets elsewhere.
    sysObjectIds: [`${APC}.3.4.1`, `${APC}.3.4.2`],
    columns: {
      ...outlets(
        `${APC}.1.4.4.2.1.3.{outlet}`,
        ON_1_OFF_2,
        `${APC}.1.4.4.2.1.3.{outlet}`,
        ON_1_OFF_2,
      ),
      conditions: notPending(`${APC}.1.4.4.2.1.2.{outlet}`),
    },
    outletNameOid: `${APC}.1.4.4.2.1.4.{outlet}`,
    modelOid: `${APC}.1.4.1.4.0`,
    firmwareOid: `${APC}.1.4.1.2.0`,
    tried: 'simulated',
  },
  {
    name: 'apc-masterswitch-plus',
    title: 'APC MasterSwitch Plus',
    sysObjectIds: [`${APC}.3.4.4`],
    columns: outlets(
      `${APC}.1.6.5.1.1.5.{unit}.1.{outlet}`,
      { on: 1, off: 3 },
      `${APC}.1.6.7.1.1.5.{unit}.1.{outlet}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${APC}.1.6.7.1.1.4.{unit}.1.{outlet}`,
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'apc-easy-pdu',
    title: 'APC Easy PDU',
    sysObjectIds: [`${APC}.3.4.9`],
    columns: outlets(
      `${APC}.1.30.6.2.1.4.{outlet}`,
      ON_1_OFF_2,
      `${APC}.1.30.6.1.1.4.{outlet}`,
      ON_2_OFF_1,
    ),
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'raritan-px2',
    title: 'Raritan PX2 and PX3',
    sysObjectIds: [`${RARITAN}.6`],
    columns: outlets(
      `${RARITAN}.6.4.1.2.1.2.{unit}.{outlet}`,
      ON_1_OFF_0,
      `${RARITAN}.6.4.1.2.1.3.{unit}.{outlet}`,
      {
        on: 7,
        off: 8,
      },
    ),
    outletNameOid: `${RARITAN}.6.3.5.3.1.3.{unit}.{outlet}`,
    modelOid: `${RARITAN}.6.3.2.1.1.3.{unit}`,
    firmwareOid: `${RARITAN}.6.3.2.3.1.6.{unit}.1.1`,
    tried: 'simulated',
  },
  {
    name: 'raritan-px1',
    title: 'Raritan PX1',
    sysObjectIds: [`${RARITAN}.4`],
    columns: outlets(
      `${RARITAN}.4.1.2.2.1.3.{outlet}`,
      ON_1_OFF_0,
      `${RARITAN}.4.1.2.2.1.3.{outlet}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${RARITAN}.4.1.2.2.1.2.{outlet}`,
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'raritan-px1-old',
    title: 'Raritan PX1 with the older number tree',
    sysObjectIds: [`${RARITAN}.1`],
    columns: outlets(
      `${RARITAN}.1.2.2.1.3.{outlet}`,
      ON_1_OFF_0,
      `${RARITAN}.1.2.2.1.3.{outlet}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${RARITAN}.1.2.2.1.2.{outlet}`,
    modelOid: `${RARITAN}.1.1.12.0`,
    firmwareOid: `${RARITAN}.1.1.1.0`,
    tried: 'simulated',
  },
  {
    name: 'eaton-epdu-g3',
    title: 'Eaton ePDU G2 and G3',
    sysObjectIds: [`${EATON}.7`],
    columns: {
      ...delayed(
        `${EATON}.7.6.6.1.3.{unit-1}.{outlet}`,
        `${EATON}.7.6.6.1.4.{unit-1}.{outlet}`,
        `${EATON}.7.6.6.1.2.{unit-1}.{outlet}`,
        ON_1_OFF_0,
      ),
      notes: [{ oid: `${EATON}.7.6.6.1.9.{unit-1}.{outlet}`, values: [1], meaning: 'switchable' }],
    },
    outletNameOid: `${EATON}.7.6.1.1.3.{unit-1}.{outlet}`,
    modelOid: `${EATON}.7.1.2.1.2.{unit-1}`,
    firmwareOid: `${EATON}.7.1.2.1.5.{unit-1}`,
    tried: 'simulated',
  },
  {
    name: 'eaton-managed',
    title: 'Eaton Managed ePDU',
    sysObjectIds: [`${EATON}.6`],
    columns: outlets(
      `${EATON}.6.1.2.2.1.3.{outlet-1}`,
      ON_1_OFF_0,
      `${EATON}.6.1.2.2.1.3.{outlet-1}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${EATON}.6.1.2.2.1.2.{outlet-1}`,
    modelOid: `${EATON}.6.1.1.12.0`,
    firmwareOid: `${EATON}.6.1.1.1.0`,
    tried: 'simulated',
  },
  {
    name: 'eaton-switched',
    title: 'Eaton Switched ePDU (Pulizzi)',
    sysObjectIds: [`${PULIZZI}.1`, `${PULIZZI}.2`],
    // Control index 1 switches every outlet at once; outlet 1 has index 2.
    columns: outlets(
      `${PULIZZI}.2.6.2.{outlet+1}.0`,
      ON_1_OFF_2,
      `${PULIZZI}.2.6.3.{outlet}.0`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${PULIZZI}.2.6.1.{outlet}.1.0`,
    modelOid: `${PULIZZI}.2.1.1.0`,
    tried: 'simulated',
  },
  {
    name: 'hpe-epdu',
    title: 'HPE ePDU',
    sysObjectIds: [`${HPE}.7`],
    columns: delayed(
      `${HPE}.7.5.2.1.2.{unit}.{outlet}`,
      `${HPE}.7.5.2.1.3.{unit}.{outlet}`,
      `${HPE}.7.5.2.1.1.{unit}.{outlet}`,
      ON_2_OFF_1,
    ),
    outletNameOid: `${HPE}.7.5.1.1.2.{unit}.{outlet}`,
    modelOid: `${HPE}.7.1.2.1.3.{unit}`,
    firmwareOid: `${HPE}.7.1.2.1.5.{unit}`,
    tried: 'simulated',
  },
  {
    name: 'hpe-pdu3',
    title: 'HPE PDU3 CIS',
    sysObjectIds: [`${HPE}.11`],
    columns: delayed(
      `${HPE}.11.5.2.1.2.1.{outlet}`,
      `${HPE}.11.5.2.1.3.1.{outlet}`,
      `${HPE}.11.5.2.1.1.1.{outlet}`,
      ON_2_OFF_1,
    ),
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'tripp-lite-lx',
    title: 'Tripp Lite WEBCARDLX',
    sysObjectIds: [`${TRIPP_LITE}.1.1.1`],
    columns: outlets(
      `${TRIPP_LITE}.1.1.3.2.3.3.1.1.6.{unit}.{outlet}`,
      ON_2_OFF_1,
      `${TRIPP_LITE}.1.1.3.2.3.3.1.1.4.{unit}.{outlet}`,
      ON_2_OFF_1,
    ),
    unitsBelow: `${TRIPP_LITE}.1.1.3.2.3.3.1.1.4`,
    outletNameOid: `${TRIPP_LITE}.1.1.3.2.3.3.1.1.2.{unit}.{outlet}`,
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'tripp-lite',
    title: 'Tripp Lite, older cards',
    sysObjectIds: [`${TRIPP_LITE}.1`],
    columns: outlets(
      `${TRIPP_LITE}.10.2.3.5.1.4.1.{outlet}`,
      ON_2_OFF_1,
      `${TRIPP_LITE}.10.2.3.5.1.2.1.{outlet}`,
      ON_2_OFF_1,
    ),
    outletNameOid: `${TRIPP_LITE}.10.2.3.5.1.5.1.{outlet}`,
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'sentry3',
    title: 'Server Technology Sentry3',
    sysObjectIds: [`${SENTRY}.3`],
    columns: outlets(
      `${SENTRY}.3.2.3.1.11.{unit}.{branch}.{outlet}`,
      ON_1_OFF_2,
      `${SENTRY}.3.2.3.1.5.{unit}.{branch}.{outlet}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${SENTRY}.3.2.3.1.3.{unit}.{branch}.{outlet}`,
    modelOid: `${SENTRY}.3.2.1.1.7.{unit}`,
    firmwareOid: `${SENTRY}.3.1.1.0`,
    tried: 'simulated',
  },
  {
    name: 'sentry4',
    title: 'Server Technology Sentry4',
    sysObjectIds: [`${SENTRY}.4`],
    columns: outlets(
      `${SENTRY}.4.1.8.5.1.2.{unit}.{branch}.{outlet}`,
      ON_1_OFF_2,
      `${SENTRY}.4.1.8.3.1.1.{unit}.{branch}.{outlet}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${SENTRY}.4.1.8.2.1.3.{unit}.{branch}.{outlet}`,
    modelOid: `${SENTRY}.4.1.2.2.1.5.{unit}`,
    firmwareOid: `${SENTRY}.4.1.1.1.3.0`,
    tried: 'simulated',
  },
  {
    name: 'geist-v5',
    title: 'Vertiv Geist Upgradeable PDU (V5)',
    sysObjectIds: [GEIST],
    columns: {
      ...outlets(
        `${GEIST}.3.5.1.6.{outlet}`,
        { on: 2, off: 4 },
        `${GEIST}.3.5.1.4.{outlet}`,
        ON_1_OFF_2,
      ),
      conditions: [{ oid: `${GEIST}.3.5.1.5.{outlet}`, values: [2], meaning: 'relay ok' }],
    },
    outletNameOid: `${GEIST}.3.5.1.2.{outlet}`,
    modelOid: `${GEIST}.1.8.0`,
    firmwareOid: `${GEIST}.1.2.0`,
    tried: 'simulated',
  },
  {
    name: 'liebert-mpx',
    title: 'Vertiv (Liebert) MPX and MPH2',
    sysObjectIds: [LIEBERT],
    columns: {
      ...outlets(
        `${LIEBERT}.3.8.50.20.1.100.{unit}.{branch}.{outlet}`,
        ON_1_OFF_0,
        `${LIEBERT}.3.8.50.20.1.95.{unit}.{branch}.{outlet}`,
        ON_2_OFF_1,
      ),
      notes: [
        {
          oid: `${LIEBERT}.3.8.50.20.1.105.{unit}.{branch}.{outlet}`,
          values: [1],
          meaning: 'unlocked',
        },
      ],
    },
    outletNameOid: `${LIEBERT}.3.8.50.20.1.10.{unit}.{branch}.{outlet}`,
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'cyberpower-epdu',
    title: 'CyberPower ePDU',
    sysObjectIds: [`${CYBERPOWER}.3`],
    columns: outlets(
      `${CYBERPOWER}.3.3.3.1.1.4.{outlet}`,
      ON_1_OFF_2,
      `${CYBERPOWER}.3.3.5.1.1.4.{outlet}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${CYBERPOWER}.3.3.5.1.1.2.{outlet}`,
    modelOid: SYS_DESCR,
    firmwareOid: `${CYBERPOWER}.3.1.3.0`,
    tried: 'simulated',
  },
  {
    name: 'cyberpower-epdu2',
    title: 'CyberPower ePDU2',
    sysObjectIds: [`${CYBERPOWER}.6`],
    columns: outlets(
      `${CYBERPOWER}.6.6.1.5.1.5.{outlet}`,
      ON_1_OFF_2,
      `${CYBERPOWER}.6.6.1.4.1.5.{outlet}`,
      ON_1_OFF_2,
    ),
    outletNameOid: `${CYBERPOWER}.6.6.1.4.1.4.{outlet}`,
    modelOid: SYS_DESCR,
    tried: 'simulated',
  },
  {
    name: 'avocent-pm',
    title: 'Avocent PM',
    sysObjectIds: [`${AVOCENT}.1.7`],
    columns: outlets(
      `${AVOCENT}.2.5.5.1.6.1.{unit}.{outlet}`,
      { on: 2, off: 3 },
      `${AVOCENT}.2.5.5.1.5.1.{unit}.{outlet}`,
      ON_2_OFF_1,
    ),
    outletNameOid: `${AVOCENT}.2.5.5.1.4.1.{unit}.{outlet}`,
    modelOid: `${AVOCENT}.2.1.2.0`,
    firmwareOid: `${AVOCENT}.2.1.7.0`,
    tried: 'simulated',
  },
  {
    name: 'baytech',
    title: 'Baytech',
    sysObjectIds: [BAYTECH],
    columns: outlets(
      `${BAYTECH}.1.3.5.3.1.3.{unit}.{outlet}`,
      ON_1_OFF_0,
      `${BAYTECH}.1.3.5.3.1.3.{unit}.{outlet}`,
      ON_1_OFF_0,
    ),
    outletNameOid: `${BAYTECH}.1.3.5.3.1.4.{unit}.{outlet}`,
    modelOid: `${BAYTECH}.1.3.5.2.1.24.{unit}`,
    firmwareOid: `${BAYTECH}.1.1.1.0`,
    tried: 'simulated',
  },
]

/** The row of that name. */
export function findPduModel(name: string): PduModel | undefined {
  return PDU_MODELS.find((model) => model.name === name)
}

/** Why this model name cannot be used, listing those that can; undefined when it is known. */
export function refusePduModel(name: string): string | undefined {
  if (findPduModel(name)) return undefined
  return `model ${JSON.stringify(name)} is unknown; known: ${PDU_MODELS.map((m) => m.name).join(', ')}, custom`
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
