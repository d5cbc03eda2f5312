// The PDU test of one server or management server (spec domain.md §9): what it is. `pdu-step.ts` moves it: a pure function of
// state, input and moment, like the ladder, and run by the same executor.
import type { Action, FeedState, Moment, PowerLook } from '../ladder/ladder.ts'
import type {
  FeedFinding,
  MachineClass,
  OperationEnding,
  Outlet,
  PduTestSettings,
} from '../operation.ts'
import type { Plan } from '../plan.ts'
import type { ShotState } from '../shot.ts'
import type { SupplyTrouble, TimedEvent } from '../supply-log.ts'

/** The whole log of a server may be long (spec rules.md §3: 15–33 s). */
export const LOG_TIMEOUT_MS = 35_000
export const CHECK_WITHIN_MS = 45_000
export const NEW_EVENTS_TIMEOUT_MS = 5000
/** A loss that nobody has logged so long after the feed came back will not be. */
export const LOGGED_WITHIN_MS = 10_000
/** A supply must be good again within this time after its feed is read on. */
export const SUPPLY_GOOD_WITHIN_MS = 30_000
/** From one look to the next while nothing is switched. */
export const WATCH_EVERY_MS = 1000

export type Phase =
  /** Before every cut: all outlets on, and for serial the server on and its supplies good. */
  | ({ name: 'check'; until: number } & Checked)
  | { name: 'cut'; until: number }
  | { name: 'off'; onAt: number; gone: boolean }
  | { name: 'on'; until: number; gone: boolean }
  /** Serial: the supply logs its loss and its return. */
  | { name: 'settle'; loggedBy: number; until: number }
  | { name: 'wait'; nextAt: number }
  /** Same: the BMC starts again. */
  | { name: 'back'; until: number; gone: boolean }
  /** A reset is under way that will not bring the feeds back: nothing is switched on before its conclusion. */
  | { name: 'yielding'; ending: OperationEnding }
  /** It ends early: what is off is switched on again first. */
  | { name: 'restoring'; until: number; ending: OperationEnding }
  | { name: 'ended' }

/** What the looks before a cut have told so far. */
export interface Checked {
  outlets?: true
  power?: Pick<PowerLook, 'value' | 'identity' | 'detail'>
  logs?: { read: boolean; detail: string }
}

export interface PduTest {
  order: string
  server: string
  class: MachineClass
  settings: PduTestSettings
  holdUpMs: number
  /** Other machines, whose logs tell of a feed that is not this server's. */
  others: readonly string[]
  phase: Phase
  /** Outlets of `feeds` still to be cut; the first one is being cut. */
  queue: Outlet[]
  shots: ShotState[]
  /** All feeds of the server; `cut` ones are off by this test. */
  feeds: FeedState[]
  /** Epoch ms of the newest cut and of switching on after it, and where each log was read to. */
  cutAt: number
  onAt: number
  logEnds: Readonly<Record<string, number>>
  /** Written since then. */
  events: readonly TimedEvent[]
  /** The logs of the others were read after the newest cut. */
  othersRead: boolean
  /** Others whose own feeds were cut by us near the newest cut: their losses say nothing of this feed. */
  disturbed: readonly string[]
  /** Sensors that the server's log has ever told of, and their troubles that have not ended. */
  supplies: readonly number[]
  troubles: readonly SupplyTrouble[]
  findings: FeedFinding[]
  lookingAtPower: boolean
  lookingAtOutlets: number
  readingLogs: boolean
  probing: boolean
  lookAgainAt?: number
}

/** One turn: a private copy to change and the actions it calls for. `ladder` is what ladders call theirs. */
export interface DrillTurn {
  ladder: PduTest
  at: Moment
  actions: Action[]
}

export interface PduTestPlan {
  order: string
  server: string
  class: MachineClass
  feeds: Plan['feeds']
  settings: PduTestSettings
  holdUpMs: number
  others: readonly string[]
}

export function blankPduTest({ feeds, ...plan }: PduTestPlan, phase: Phase): PduTest {
  const { pdu: only } = plan.settings
  return {
    ...plan,
    phase,
    queue: feeds
      .filter(({ pdu }) => only === undefined || pdu === only)
      .map(({ pdu, outlet }) => ({ pdu, outlet })),
    shots: [],
    feeds: feeds.map(({ pdu, outlet }) => ({
      pdu,
      outlet,
      value: 'unknown',
      said: 'not read',
      attempts: 0,
      cut: false,
    })),
    cutAt: 0,
    onAt: 0,
    logEnds: {},
    events: [],
    othersRead: false,
    disturbed: [],
    supplies: [],
    troubles: [],
    findings: [],
    lookingAtPower: false,
    lookingAtOutlets: 0,
    readingLogs: false,
    probing: false,
  }
}

export function drillTurn(test: PduTest, at: Moment): DrillTurn {
  const copy: PduTest = {
    ...test,
    queue: [...test.queue],
    shots: test.shots.map((shot) => ({ ...shot })),
    feeds: test.feeds.map((feed) => ({ ...feed })),
    findings: [...test.findings],
  }
  return { ladder: copy, at, actions: [] }
}

export function isSerial({ settings }: PduTest): boolean {
  return settings.mode === 'serial'
}

/** The earliest monotonic ms at which `tick` may change anything. */
export function pduTestWakeAt({ phase, lookAgainAt }: PduTest): number | undefined {
  const due = [lookAgainAt, deadlineOf(phase)].filter((instant) => instant !== undefined)
  return due.length === 0 ? undefined : Math.min(...due)
}

function deadlineOf(phase: Phase): number | undefined {
  switch (phase.name) {
    case 'off':
      return phase.onAt
    case 'wait':
      return phase.nextAt
    case 'yielding':
    case 'ended':
      return undefined
    default:
      return phase.until
  }
}

/** True while the test still stands where it asked for the shot. */
export function pduTestWants({ shots, feeds, phase }: PduTest, id: number): boolean {
  const shot = shots.find((each) => each.id === id)
  if (!shot || shot.answer !== undefined || !feeds.some((feed) => feed.shot === id)) return false
  if (shot.action === 'off') return phase.name === 'cut'
  return phase.name === 'on' || phase.name === 'restoring'
}
