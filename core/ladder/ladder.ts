// The reset ladder of one server (spec domain.md §3): what it is, what may happen to it, what it asks for.
// `step` in step.ts moves it; it is a pure function of state, input and moment.
import type { OperationEnding, Outlet } from '../operation.ts'
import type { Conclusion, Evidence, Power, Recovery } from '../outcome.ts'
import type { Plan } from '../plan.ts'
import type { Shot, ShotAnswer, ShotState } from '../shot.ts'
import type { LogLook, LogQuestion } from '../supply-log.ts'

/** One instant on both clocks: the monotonic decides, the wall clock is written down. */
export interface Moment {
  /** Monotonic ms. */
  ms: number
  /** RFC 3339. */
  wall: string
}

/** How long a lost reply may still overtake or trail a later one before the rung counts as unknown. */
export const REORDERING_GRACE_MS = 250
/** After this silence a hard reset's BMC is looked at, long before its time is over. */
export const LOOK_AFTER_MS = 1000
/** A look that finds nothing yet is repeated after this time. */
export const LOOK_AGAIN_MS = 250
/** As long as the drivers wait before they call a device silent: what answers sooner has answered. */
export const LOOK_TIMEOUT_MS = 3000
/** The one look at what seems to be off already; then the ladder starts. */
export const FIRST_LOOK_TIMEOUT_MS = 1000
/** An accepted power-off must be read as off within this time, else the rung failed. */
export const OFF_READ_WITHIN_MS = 10_000
/** Outlets must all be read as switched within this time: relays of a loaded PDU go one by one. */
export const OUTLETS_READ_WITHIN_MS = 15_000
/** A level command without answer may be given again once a later look shows that it did not take. */
export const SWITCH_AGAIN_AFTER_MS = 1500
export const SWITCH_ATTEMPTS_MAX = 3
/**
 * How long a BMC must stay silent after the cut to show that it has no other supply. A slow one that lives
 * must not pass for silent, so this is what the drivers call silence, not what a quick BMC takes.
 */
export const CUT_SILENCE_MS = 3000
/** After a forced off many BMCs refuse `on` for a while (spec rules.md R10). */
export const POWER_ON_RETRY_MS = 10_000
export const POWER_ON_ATTEMPTS_MAX = 6
/** After its feeds came back a BMC has to boot before it can be asked (spec rules.md §3: three minutes). */
export const BMC_BOOTS_WITHIN_MS = 180_000
/** A BMC that has just restarted may say "off": a session younger than this proves nothing by itself. */
export const SESSION_SETTLED_MS = 30_000
/** Two reads of "off" at least this far apart make an unrequested off (spec domain.md §3). */
export const OFF_READS_APART_MS = 1000

export type Phase =
  /** Something says that the server is off already: one fresh look, before anything is sent. */
  | { name: 'look'; until: number; outlets: boolean }
  | { name: 'soft'; hardAt: number }
  | { name: 'hard'; shot: number; until: number; heardAt?: number }
  /** BMC off, read off. `next` is where a failed rung leads. */
  | {
      name: 'off'
      shot: number
      until: number
      attempts: number
      next: 'pdu' | 'fail'
      patient?: true
    }
  | { name: 'pdu'; until: number; heldUntil?: number; verifying?: Verifying }
  /** The conclusion waits for its record to be durable; nothing is announced or switched on before. */
  | { name: 'recording' }
  | { name: 'waiting'; onAt: number }
  /** `bmcSaid`: read after the last `on` that the BMC was given. */
  | { name: 'on'; until: number; bmcRetryAt: number; bmcSaid?: 'on' | 'off' }
  | { name: 'ended' }

/** After the hold-up time: everything off again, nothing answers at the BMC, and everything off still. */
export interface Verifying {
  until: number
  /** Monotonic ms at which the BMC had been silent for long enough. */
  silentAt?: number
}

export interface FeedState {
  pdu: string
  outlet: number
  value: Power
  /** Raw value or reason, for the person who reads the failure. */
  said: string
  /** Monotonic ms of the question behind `value`, and the wall clock of its answer. */
  askedAt?: number
  readAt?: string
  /** The shot that last switched it. */
  shot?: number
  attempts: number
  /** It was cut by this ladder, or found off by it, and is its to bring back. */
  cut: boolean
  /** A test that this reset ended had switched it off: to be brought back after a completion. */
  leftOff?: true
}

export interface Ladder {
  order: string
  plan: Plan
  startedAt: number
  phase: Phase
  shots: ShotState[]
  feeds: FeedState[]
  evidence: Evidence[]
  /** The BMC session in which power was last read on: an off read in the same one is a real change. */
  onSession?: number
  /** No NMI: a notice was heard just before the request and an NMI would kill the dump under way. */
  spareDump: boolean
  /** A stop notice was heard since the request. */
  noticed: boolean
  /** An earlier effect on this server is still loose: only off is safe (spec architecture.md, "Never"). */
  offOnly: boolean
  /** Since when the watch has read off, and in which session. */
  watchedOff?: WatchedOff
  /** When a test proved the wiring of these feeds, RFC 3339. */
  wiringProvenAt?: string
  /** BMC off was tried; it is not tried twice. */
  offTried: boolean
  conclusion?: Conclusion
  recovery: Recovery
  /** A look of each kind is under way; the next waits for it. */
  lookingAtPower: boolean
  lookingAtOutlets: number
  probing: boolean
  lookAgainAt?: number
}

export interface WatchedOff {
  session: number
  sessionOpenedAt: number
  /** Monotonic ms of the first read of this unbroken off. */
  since: number
}

export interface PowerLook {
  value: Power | 'silent'
  askedAt: number
  readAt: string
  session: number
  sessionOpenedAt: number
  identity: 'proven' | 'unproven' | 'mismatch'
  detail: string
}

export interface OutletLook {
  pdu: string
  /** Monotonic ms. */
  askedAt: number
  readAt: string
  /** Undefined when the PDU was silent. */
  outlets: { outlet: number; value: Power; raw: string }[] | undefined
  detail: string
}

export type Input =
  /** An effect has left, perhaps long after it was decided: no earlier question is a look at it. */
  | { type: 'sent'; shot: number }
  | { type: 'answered'; shot: number; answer: ShotAnswer; detail: string }
  | { type: 'power'; look: PowerLook }
  | { type: 'outlets'; look: OutletLook }
  /** Whether anything at the BMC's address answered to a question asked after the probe was called for. */
  | { type: 'probed'; answered: boolean }
  | { type: 'notice'; address: string }
  /** One look for each log that was asked for. For tests alone. */
  | { type: 'events'; looks: LogLook[] }
  /** A reset comes in the way of a restore or test; `restore`: it will not bring back what is off. */
  | { type: 'abort'; detail: string; restore: boolean }
  /** The conclusion is where intents must be. */
  | { type: 'recorded' }
  | { type: 'tick' }

/** What the ladder asks its executor to do. Every look comes back as exactly one input of its kind. */
export type Action =
  | { type: 'fire'; shot: Shot }
  | { type: 'look-at-power'; timeoutMs: number }
  | { type: 'look-at-outlets'; pdu: string; outlets: number[]; timeoutMs: number }
  | { type: 'probe'; timeoutMs: number }
  | { type: 'look-at-events'; logs: LogQuestion[]; timeoutMs: number }
  /** How a restore or test ended; `end` follows. */
  | { type: 'finish'; ending: OperationEnding }
  | { type: 'conclude'; conclusion: Conclusion }
  | { type: 'recover'; recovery: Recovery; detail: string }
  | { type: 'alarm'; code: string; detail: string }
  | { type: 'end' }

/** One turn of the ladder: a private copy to change and the actions it calls for. */
export interface Turn {
  ladder: Ladder
  at: Moment
  actions: Action[]
}

/** What shots and looks need of a turn: tests of feeds have that much of a ladder too. */
export interface Bench {
  ladder: Pick<Ladder, 'shots' | 'feeds' | 'lookingAtPower' | 'lookingAtOutlets' | 'lookAgainAt'>
  at: Moment
  actions: Action[]
}

/** What is known of the server at the moment of acceptance. */
export interface Circumstances {
  /** A stop notice that answers the request by itself (spec domain.md §3). */
  freshNotice?: { address: string; wall: string }
  /** A stop notice was heard in the last 20 s. */
  recentNotice: boolean
  /** An earlier effect on this server has no answer yet. */
  loose: boolean
  watchedOff?: WatchedOff
  onSession?: number
  /** Every feed was last read off. */
  outletsLastOff: boolean
  /** When a test proved the wiring of the feeds as they are now, RFC 3339. */
  wiringProvenAt?: string
  /** Feeds that a test, ended by this reset, had switched off. */
  leftOff?: readonly Outlet[]
}

/** The earliest monotonic ms at which `tick` may change anything; undefined when only inputs can. */
export function wakeAt(ladder: Ladder): number | undefined {
  const instants: (number | undefined)[] = [ladder.lookAgainAt]
  const { phase } = ladder
  switch (phase.name) {
    case 'soft':
      instants.push(phase.hardAt)
      break
    case 'hard':
      instants.push(
        phase.until,
        phase.heardAt === undefined ? undefined : phase.heardAt + REORDERING_GRACE_MS,
      )
      break
    case 'waiting':
      instants.push(phase.onAt)
      break
    case 'pdu':
      instants.push(phase.verifying ? phase.verifying.until : (phase.heldUntil ?? phase.until))
      break
    case 'on':
      instants.push(phase.until, phase.bmcRetryAt)
      break
    case 'look':
    case 'off':
      instants.push(phase.until)
      break
  }
  const due = instants.filter((instant) => instant !== undefined)
  return due.length === 0 ? undefined : Math.min(...due)
}

export function isOpen(ladder: Ladder): boolean {
  return ladder.phase.name !== 'ended'
}
