// An effect on a device, and what became of it.

export type Device = { kind: 'bmc' } | { kind: 'outlet'; pdu: string; outlet: number }

export type Rung = 'soft' | 'hard' | 'off' | 'pdu' | 'on'

export interface Shot {
  /** Counts from 1 within its order. */
  id: number
  rung: Rung
  device: Device
  action: 'nmi' | 'reset' | 'off' | 'on'
}

/**
 * - `accepted`, `refused`: the device's own word.
 * - `lost`: sent, and no answer can come any more.
 * - `unreachable`: never sent, because there was no warm way to the device.
 */
export type ShotAnswer = 'accepted' | 'refused' | 'lost' | 'unreachable'

export interface ShotState extends Shot {
  /** Monotonic ms of the journalled intent; once it has left, of that. */
  intendedAt: number
  answer?: ShotAnswer
  detail?: string
}

export function sameDevice(a: Device, b: Device): boolean {
  if (a.kind === 'bmc' || b.kind === 'bmc') return a.kind === b.kind
  return a.pdu === b.pdu && a.outlet === b.outlet
}

/** An effect without an answer may still be handled by its device at any time. */
export function isLoose(shot: ShotState): boolean {
  return shot.answer === undefined || shot.answer === 'lost'
}
