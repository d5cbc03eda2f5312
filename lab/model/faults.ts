// Everything that can be made to go wrong with a machine or an outlet. All faults start harmless and are
// changed at run time, in process or over the control port.
import { CHASSIS_ACTIONS, type ChassisAction } from './chassis.ts'

export interface ServerFaults {
  /** Completion code with which the action is refused and not done; 0 = not refused. CCh and D5h are usual. */
  refusesNmi: number
  refusesReset: number
  refusesOff: number
  refusesOn: number
  /** Answers 00h to these and does nothing: the lying BMC. */
  acceptsAndDoesNothing: ChassisAction[]
  /** Takes up every datagram only this long after the one before it. */
  slowMs: number
  /** Acts on a chassis control at once, answers this much later, and is deaf in between. */
  slowControlMs: number
  /** Answers a chassis control at once and acts this much later (spec protocols.md §1.6). */
  actsLateMs: number
  /** Like a stopped process: datagrams wait in order and are handled when it goes on. */
  hang: boolean
  /** The BMC is broken for good: nothing is received. */
  dead: boolean
  /** Open Session is answered with status 01h. */
  sessionFull: boolean
  /** Executes the chassis control, then restarts itself without an answer. */
  resetsItselfMidOperation: boolean
  /** The answers to this many chassis controls are lost; counts down. */
  loseReplies: number
  /** For this long after its own start the BMC says that power is off. */
  saysOffAfterRestartMs: number
  /** What Get Chassis Status says about power, whatever is true. */
  saysPower: 'real' | 'on' | 'off'
  /** The system GUID reads as sixteen zero bytes. */
  zeroGuid: boolean
  /** The system GUID is that of another machine: the board was swapped. */
  foreignGuid: boolean
  /** The BMC's clock is ahead by so many seconds. */
  clockAheadS: number
  /** A panic sends no stop notice. */
  noKdump: boolean
  /** Adds to the time between a panic and its first stop notice. */
  slowKdumpMs: number
  /** Numbers (from 1) of supplies that are broken. */
  failedSupplies: number[]
}

export interface OutletFaults {
  /** The SET is accepted, the relay does not move, and the state read shows it. */
  stuck: boolean
  /** The SET is accepted and the state reads as ordered, but the contacts do not move. */
  welded: boolean
  /** The relay moves this long after the SET; meanwhile the old state reads, with a pending mark. */
  slowMs: number
  /** Name of the server whose first feed is swapped with this outlet's cable; empty = wired as planned. */
  feeds: string
}

export interface PduFaults {
  /** Nothing is answered; the relays keep their positions. */
  dead: boolean
  /** Requests wait in order and are handled when it goes on. */
  frozen: boolean
}

export function noServerFaults(): ServerFaults {
  return {
    refusesNmi: 0,
    refusesReset: 0,
    refusesOff: 0,
    refusesOn: 0,
    acceptsAndDoesNothing: [],
    slowMs: 0,
    slowControlMs: 0,
    actsLateMs: 0,
    hang: false,
    dead: false,
    sessionFull: false,
    resetsItselfMidOperation: false,
    loseReplies: 0,
    saysOffAfterRestartMs: 0,
    saysPower: 'real',
    zeroGuid: false,
    foreignGuid: false,
    clockAheadS: 0,
    noKdump: false,
    slowKdumpMs: 0,
    failedSupplies: [],
  }
}

export function noOutletFaults(): OutletFaults {
  return { stuck: false, welded: false, slowMs: 0, feeds: '' }
}

export function noPduFaults(): PduFaults {
  return { dead: false, frozen: false }
}

export type Allowed =
  | { kind: 'boolean' }
  | { kind: 'integer'; min: number; max: number }
  | { kind: 'word'; words: readonly string[] }
  | { kind: 'text' }
  | { kind: 'words'; words: readonly string[] }
  | { kind: 'integers'; min: number; max: number }

const flag: Allowed = { kind: 'boolean' }
const code: Allowed = { kind: 'integer', min: 0, max: 255 }
const milliseconds: Allowed = { kind: 'integer', min: 0, max: 600_000 }

/** What each field may hold, for the control port. */
export const SERVER_FAULTS: Record<keyof ServerFaults, Allowed> = {
  refusesNmi: code,
  refusesReset: code,
  refusesOff: code,
  refusesOn: code,
  acceptsAndDoesNothing: { kind: 'words', words: CHASSIS_ACTIONS },
  slowMs: milliseconds,
  slowControlMs: milliseconds,
  actsLateMs: milliseconds,
  hang: flag,
  dead: flag,
  sessionFull: flag,
  resetsItselfMidOperation: flag,
  loseReplies: { kind: 'integer', min: 0, max: 1000 },
  saysOffAfterRestartMs: milliseconds,
  saysPower: { kind: 'word', words: ['real', 'on', 'off'] },
  zeroGuid: flag,
  foreignGuid: flag,
  clockAheadS: { kind: 'integer', min: -86_400, max: 86_400 },
  noKdump: flag,
  slowKdumpMs: milliseconds,
  failedSupplies: { kind: 'integers', min: 1, max: 4 },
}

export const OUTLET_FAULTS: Record<keyof OutletFaults, Allowed> = {
  stuck: flag,
  welded: flag,
  slowMs: milliseconds,
  feeds: { kind: 'text' },
}

export const PDU_FAULTS: Record<keyof PduFaults, Allowed> = { dead: flag, frozen: flag }
