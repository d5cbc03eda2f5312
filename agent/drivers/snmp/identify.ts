// Who answers at the address: a PDU is switched only when its sysObjectID is that of the configured model,
// and never taken for another family (spec protocols.md §3.3 rule 4).
import { findColumns, isBelow, type OutletColumns, type PduModel } from '../../../core/pdu-model.ts'
import { detectPduModels } from '../../../core/pdu-models.ts'
import type { Got, Value } from './session.ts'

export const SYS_OBJECT_ID = '1.3.6.1.2.1.1.2.0'
const NAME_TIMEOUT_MS = 2_000

export interface Device {
  sysObjectId: string
  columns: OutletColumns
  model: string | undefined
  firmware: string | undefined
}

export type Identified =
  | { device: Device }
  | { problem: string; permanent: boolean; silent: boolean }

type Get = (oids: string[], timeoutMs: number) => Promise<Got>

/** Asks one device who it is. Model and firmware are asked one by one: SNMPv1 fails a GET as a whole. */
export async function identify(get: Get, model: PduModel, timeoutMs: number): Promise<Identified> {
  const got = await get([SYS_OBJECT_ID], timeoutMs)
  if (got.kind === 'silent') return { problem: got.detail, permanent: false, silent: true }
  if (got.kind === 'denied') return { problem: got.detail, permanent: true, silent: false }
  const sysObjectId = got.kind === 'values' ? got.values[0] : undefined
  const wrong = refuseIdentity(model, sysObjectId)
  if (wrong !== undefined || typeof sysObjectId !== 'string') {
    return { problem: wrong ?? 'no sysObjectID', permanent: false, silent: false }
  }
  const modelName = await askText(get, model.modelOid)
  const firmware = model.firmwareOid ? await askText(get, model.firmwareOid) : undefined
  const columns = findColumns(model, firmware)
  if (!columns) {
    const problem = `the firmware (${model.firmwareOid}) cannot be read, and without it the outlet columns of ${model.name} are not known`
    return { problem, permanent: false, silent: false }
  }
  return { device: { sysObjectId, columns, model: modelName, firmware } }
}

/** Why this sysObjectID is not the configured model's; undefined when it is. */
export function refuseIdentity(model: PduModel, sysObjectId: Value): string | undefined {
  const expected = `${model.name} has sysObjectID ${model.sysObjectIds.join(' or ')}`
  if (typeof sysObjectId !== 'string') return `${expected}, the device tells none`
  const families = detectPduModels(sysObjectId)
  // The closest prefix decides; a row that is not in the table yet stands for itself.
  if (families.some(({ name }) => name === model.name)) return undefined
  if (families.length === 0 && model.sysObjectIds.some((prefix) => isBelow(sysObjectId, prefix))) {
    return undefined
  }
  const names = families.map(({ name }) => name).join(' or ')
  return `${expected}, the device tells ${sysObjectId} (${names || 'no known model'})`
}

async function askText(get: Get, oid: string): Promise<string | undefined> {
  const got = await get([oid], NAME_TIMEOUT_MS)
  const value = got.kind === 'values' ? got.values[0] : undefined
  return typeof value === 'string' ? value : undefined
}
