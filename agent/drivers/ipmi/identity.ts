// Whether the machine behind the address is the one that was enrolled (spec rules.md R22). An identity is
// the BMC's GUID as 32 hex digits in the order of the wire.
import type { Identity } from '../driver.ts'

export interface Judgement {
  identity: Identity
  /** The GUID to show; undefined when the BMC tells none that means anything. */
  guid: string | undefined
}

/** Undefined for the all-zero and all-FF GUIDs that boards without one tell. */
export function guidText(bytes: Uint8Array): string | undefined {
  if (bytes.every((byte) => byte === 0x00) || bytes.every((byte) => byte === 0xff)) return undefined
  return Buffer.from(bytes).toString('hex')
}

/**
 * Judges the GUIDs that a BMC told (RAKP 2 first, then Get System GUID) against the bound one. Without a
 * bound identity the first GUID is taken at its word: the caller binds it.
 */
export function judgeIdentity(
  told: readonly (string | undefined)[],
  bound: string | undefined,
): Judgement {
  const guids = told.filter((guid) => guid !== undefined)
  const guid = guids.find((each) => each === bound) ?? guids[0]
  if (guid === undefined) return { identity: 'unproven', guid }
  return { identity: bound === undefined || guid === bound ? 'proven' : 'mismatch', guid }
}

/**
 * The system UUIDs (as SMBIOS shows them) that a GUID may stand for. Vendors disagree on the byte order:
 * as RFC 4122 writes it, with the first three fields little-endian, or all of it reversed.
 */
export function systemUuidsOf(guid: string): string[] {
  const wire = Buffer.from(guid, 'hex')
  const swapped = Buffer.concat([
    Buffer.from(wire.subarray(0, 4)).reverse(),
    Buffer.from(wire.subarray(4, 6)).reverse(),
    Buffer.from(wire.subarray(6, 8)).reverse(),
    wire.subarray(8),
  ])
  return [wire, swapped, Buffer.from(wire).reverse()].map((bytes) =>
    bytes.toString('hex').replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
  )
}
