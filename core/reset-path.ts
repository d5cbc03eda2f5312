// Whether a server could be reset at this moment: by which rungs, by when at worst, and what stands in the way
// (spec domain.md §6). "Could" is what links and readings say; only a drill or a real reset has shown it.
import { OFF_READ_WITHIN_MS, OUTLETS_READ_WITHIN_MS } from './ladder/ladder.ts'
import type { Power } from './outcome.ts'
import type { Plan } from './plan.ts'

/** A device as it was last seen. Anything but `OK` is no way to it. */
export interface DeviceLink {
  link: 'OK' | 'NG' | '--'
  /** Why it is not OK, for a person. */
  detail?: string | undefined
}

/** What is known of everything that a reset of one server needs. */
export interface PathFacts {
  /** Why nobody may act at this site; undefined while an agent is active. */
  inactive?: string | undefined
  bmc: DeviceLink
  identity: 'proven' | 'unproven' | 'mismatch'
  pdu(name: string): DeviceLink
  outlet(pdu: string, outlet: number): Power
  /** Since their last change, by a test that cut every feed. */
  wiringProven: boolean
  /** An effect of an earlier reset is without an answer: only off is safe. */
  loose: boolean
  /** A reset or drill has stopped this machine through this BMC before. */
  seenToWork: boolean
  /** What is missing for a takeover, each with what to look at; empty when the agents are redundant. */
  redundancyLost: readonly PathProblem[]
}

export interface PathProblem {
  code: string
  /** Name of the device, server or agent to look at. */
  subject: string
  detail: string
}

export interface PathRung {
  rung: 'soft' | 'hard' | 'off' | 'pdu'
  ready: boolean
  /** From the request to a completion by this rung, or to its failure; ms. */
  byMs: number
}

export interface PathCheck {
  /** False as soon as any device of its ladder is out of reach, even if another rung is left. */
  resettable: boolean
  redundant: boolean
  rungs: PathRung[]
  /** When the last rung that is ready has ended at the latest; null when none is. */
  worstMs: number | null
  /** What makes it not resettable, first; then what makes it less sure. */
  problems: PathProblem[]
  warnings: PathProblem[]
}

/** Judges the path by the plan that a reset would be given now. Pure. */
export function checkResetPath(plan: Plan, facts: PathFacts): PathCheck {
  const blocking = blockers(plan, facts)
  const rungs = rungsOf(plan, facts)
  const ready = rungs.filter((rung) => rung.ready)
  return {
    resettable: blocking.length === 0,
    redundant: facts.redundancyLost.length === 0,
    rungs,
    worstMs: ready.length === 0 ? null : Math.max(...ready.map(({ byMs }) => byMs)),
    problems: [...blocking, ...facts.redundancyLost],
    warnings: doubts(plan, facts),
  }
}

function blockers({ server, feeds }: Plan, facts: PathFacts): PathProblem[] {
  const { inactive, bmc, identity } = facts
  const found: PathProblem[] = []
  if (inactive !== undefined)
    found.push({ code: 'no-active-agent', subject: server, detail: inactive })
  if (bmc.link !== 'OK') {
    found.push({ code: 'bmc-unreachable', subject: server, detail: why('the BMC', bmc) })
  }
  if (identity === 'mismatch') {
    const detail = `another machine answers at the address of its BMC: nothing is sent to it`
    found.push({ code: 'identity-mismatch', subject: server, detail })
  }
  for (const name of new Set(feeds.map(({ pdu }) => pdu))) {
    const pdu = facts.pdu(name)
    if (pdu.link === 'OK') continue
    found.push({ code: 'pdu-unreachable', subject: name, detail: why(`PDU ${name}`, pdu) })
  }
  return found
}

function why(what: string, { link, detail }: DeviceLink): string {
  const state = link === 'NG' ? 'does not answer' : 'is not connected'
  return `${what} ${state}${detail === undefined || detail === '' ? '' : `: ${detail}`}`
}

function doubts({ server, feeds }: Plan, facts: PathFacts): PathProblem[] {
  const found: PathProblem[] = []
  if (facts.identity === 'unproven') {
    const detail = 'which machine its BMC belongs to was never read'
    found.push({ code: 'identity-unproven', subject: server, detail })
  }
  for (const { pdu, outlet } of feeds) {
    const power = facts.outlet(pdu, outlet)
    if (power === 'on') continue
    const detail = `outlet ${outlet} of PDU ${pdu} is ${power === 'off' ? 'off' : 'not read'}`
    found.push({ code: 'outlet-not-on', subject: pdu, detail })
  }
  if (feeds.length > 0 && !facts.wiringProven) {
    const detail = 'its wiring is not proven since its last change: run `palisade test pdu`'
    found.push({ code: 'wiring-unproven', subject: server, detail })
  }
  if (facts.loose) {
    const detail = 'an earlier command has no answer yet: until it has, only power off is used'
    found.push({ code: 'loose-effect', subject: server, detail })
  }
  if (!facts.seenToWork) {
    const detail = 'reset never seen to work: run `palisade test soft-reset`'
    found.push({ code: 'never-seen-to-work', subject: server, detail })
  }
  return found
}

/** In the order in which the ladder takes them, each with the latest moment at which it is over. */
function rungsOf(plan: Plan, facts: PathFacts): PathRung[] {
  const { mode, softMethod, hardMethod, feeds, hardResetTimeoutMs } = plan
  const may = facts.inactive === undefined
  const bmc = may && facts.bmc.link === 'OK' && facts.identity !== 'mismatch'
  const rungs: PathRung[] = []
  // A rung that has no way to its device is left at once and costs no time.
  let overMs = 0
  const add = (rung: PathRung['rung'], ready: boolean, takesMs: number) => {
    rungs.push({ rung, ready, byMs: overMs + takesMs })
    if (ready) overMs += takesMs
  }
  if (softMethod === 'nmi' && !facts.loose && (mode === 'ladder' || mode === 'soft')) {
    add('soft', bmc, plan.hardResetAfterMs)
  }
  if (mode === 'ladder' || mode === 'hard') {
    const resets = hardMethod === 'reset' && !facts.loose
    if (resets) add('hard', bmc, hardResetTimeoutMs)
    if (!resets || feeds.length === 0) add('off', bmc, hardResetTimeoutMs + OFF_READ_WITHIN_MS)
  }
  if (feeds.length > 0 && mode !== 'soft') {
    const ready = may && feeds.every(({ pdu }) => facts.pdu(pdu).link === 'OK')
    add('pdu', ready, 2 * OUTLETS_READ_WITHIN_MS + plan.holdUpMs)
  }
  return rungs
}
