// Who answers at the address: a PDU is switched only when its sysObjectID is that of the configured model,
// and never taken for another family (spec protocols.md §3.3 rule 4).
import {
  type Condition,
  columnOf,
  findColumns,
  isBelow,
  type OidTemplate,
  type OutletColumns,
  type PduModel,
  type Place,
  placeColumns,
  placeOid,
} from '../../../core/pdu-model.ts'
import { detectPduModels, PDU_MODELS } from '../../../core/pdu-models.ts'
import type { Got, Next, Value } from './session.ts'

export const SYS_OBJECT_ID = '1.3.6.1.2.1.1.2.0'
const NAME_TIMEOUT_MS = 2_000

export interface Device {
  sysObjectId: string
  /** Those of the configured unit and branch. */
  columns: OutletColumns
  nameOid: OidTemplate | undefined
  model: string | undefined
  firmware: string | undefined
}

export interface Problem {
  problem: string
  permanent: boolean
  silent: boolean
}

export interface Asker {
  get(oids: string[], timeoutMs: number): Promise<Got>
  next(oid: string, timeoutMs: number): Promise<Next>
}

/** Asks one device who it is. Model and firmware are asked one by one: SNMPv1 fails a GET as a whole. */
export async function identify(
  ask: Asker,
  model: PduModel,
  where: Partial<Place>,
  timeoutMs: number,
): Promise<{ device: Device } | Problem> {
  const got = await ask.get([SYS_OBJECT_ID], timeoutMs)
  if (got.kind === 'silent' || got.kind === 'denied') return noAnswer(got)
  const sysObjectId = got.kind === 'values' ? got.values[0] : undefined
  const wrong = refuseIdentity(model, sysObjectId)
  if (wrong !== undefined || typeof sysObjectId !== 'string') {
    return problem(wrong ?? 'no sysObjectID')
  }
  const unit = where.unit ?? (await findUnit(ask, model, timeoutMs))
  if (typeof unit !== 'number') return unit
  const place: Place = { unit, branch: where.branch ?? 1 }
  const told = (oid: OidTemplate) => askText(ask, placeOid(oid, place))
  const modelName = await told(model.modelOid)
  const firmware = model.firmwareOid ? await told(model.firmwareOid) : undefined
  const columns = await findPlacedColumns(ask, { model, firmware, place }, timeoutMs)
  if ('problem' in columns) return columns
  const nameOid = model.outletNameOid && placeOid(model.outletNameOid, place)
  return { device: { sysObjectId, columns, nameOid, model: modelName, firmware } }
}

async function findPlacedColumns(
  ask: Asker,
  { model, firmware, place }: { model: PduModel; firmware: string | undefined; place: Place },
  timeoutMs: number,
): Promise<OutletColumns | Problem> {
  const has = (oid: OidTemplate) => hasColumn(ask, oid, timeoutMs)
  try {
    const columns = findColumns(model, firmware) ?? (await onlyColumns(model, place, has))
    if (columns) return await withoutLacking(placeColumns(columns, place), has)
  } catch (error) {
    if (error instanceof Unanswered) return noAnswer(error.got)
    throw error
  }
  return problem(
    `the firmware (${model.firmwareOid}) cannot be read, and without it the outlet columns of ${model.name} are not known`,
  )
}

class Unanswered extends Error {
  readonly got: NoAnswer

  constructor(got: NoAnswer) {
    super(got.detail)
    this.got = got
  }
}

type NoAnswer = { kind: 'silent' | 'denied'; detail: string }
type Has = (oid: OidTemplate) => Promise<boolean>

async function hasColumn(ask: Asker, oid: OidTemplate, timeoutMs: number): Promise<boolean> {
  const column = columnOf(oid)
  const next = await ask.next(column, timeoutMs)
  // Silence must not pass for a missing column.
  if (next.kind === 'silent' || next.kind === 'denied') throw new Unanswered(next)
  if (next.kind === 'next') return isBelow(next.oid, column)
  // Nor must an error that only says that something went wrong.
  return next.status !== 'noSuchName' && next.status !== 'endOfMibView'
}

/** Where the firmware does not tell, a device that has one of the two sets of columns tells by that. */
async function onlyColumns(
  model: PduModel,
  place: Place,
  has: Has,
): Promise<OutletColumns | undefined> {
  const present: OutletColumns[] = []
  for (const columns of [model.columns, model.otherFirmware?.columns]) {
    if (columns && (await has(placeColumns(columns, place).status.oid))) present.push(columns)
  }
  return present.length === 1 ? present[0] : undefined
}

/** Leaves out the conditions that may be lacking, where the device does lack them. */
async function withoutLacking(columns: OutletColumns, has: Has): Promise<OutletColumns> {
  const conditions: Condition[] = []
  for (const condition of columns.conditions ?? []) {
    if (!condition.mayLack || (await has(condition.oid))) conditions.push(condition)
  }
  return { ...columns, conditions }
}

/** Why this sysObjectID is not the configured model's; undefined when it is. */
export function refuseIdentity(model: PduModel, sysObjectId: Value): string | undefined {
  const { name, sysObjectIds } = model
  const anyDevice = sysObjectIds.length === 0
  const which = anyDevice ? 'any sysObjectID' : `sysObjectID ${sysObjectIds.join(' or ')}`
  const expected = `${name} has ${which}`
  if (typeof sysObjectId !== 'string') return `${expected}, the device tells none`
  if (anyDevice) return undefined
  const families = detectPduModels(sysObjectId)
  const fits = sysObjectIds.some((prefix) => isBelow(sysObjectId, prefix))
  // Between rows of the table the closest prefix decides; a row from elsewhere stands for itself.
  const inTable = PDU_MODELS.includes(model) && families.length > 0
  if (inTable ? families.includes(model) : fits) return undefined
  const names = families.map((family) => family.name).join(' or ')
  return `${expected}, the device tells ${sysObjectId} (${names || 'no known model'})`
}

/**
 * The unit when the site file names none: 1, or the only one that a freely numbered device has. Of several
 * none is picked.
 */
async function findUnit(ask: Asker, model: PduModel, timeoutMs: number): Promise<number | Problem> {
  const table = model.unitsBelow
  if (table === undefined) return 1
  const first = await ask.next(table, timeoutMs)
  if (first.kind === 'silent' || first.kind === 'denied') return noAnswer(first)
  const unit = unitIn(table, first)
  if (unit === undefined) return problem(`the device has no outlets below ${table}`)
  const second = await ask.next(`${table}.${unit + 1}`, timeoutMs)
  if (second.kind === 'silent' || second.kind === 'denied') return noAnswer(second)
  const other = unitIn(table, second)
  if (other === undefined) return unit
  return problem(
    `the device has several units, ${unit} and ${other} among them: name one in \`unit\``,
  )
}

function unitIn(table: string, next: Next): number | undefined {
  if (next.kind !== 'next' || !next.oid.startsWith(`${table}.`)) return undefined
  return Number(next.oid.slice(table.length + 1).split('.')[0])
}

function problem(text: string): Problem {
  return { problem: text, permanent: false, silent: false }
}

function noAnswer({ kind, detail }: NoAnswer): Problem {
  return { problem: detail, permanent: kind === 'denied', silent: kind === 'silent' }
}

async function askText(ask: Asker, oid: string): Promise<string | undefined> {
  const got = await ask.get([oid], NAME_TIMEOUT_MS)
  const value = got.kind === 'values' ? got.values[0] : undefined
  return typeof value === 'string' ? value : undefined
}
