// The yearly exercise of a site (spec domain.md §9): every used outlet once, one machine at a time. A pure
// decision: from the site, what is known of it and the tests so far to the next test, or to the verdict.
import type { FeedFinding, MachineClass, OperationEnding, Outlet } from '../operation.ts'
import type { Feed, ManagementServer, Server, SiteDocument } from '../site.ts'
import { type SiteHealth, whyNotSpared } from './health.ts'
import { judgeCarrier, MANAGEMENT_OFF_TIME_S } from './management-server.ts'
import { judgePduSettings, refuse, type TestRefusal } from './preconditions.ts'

export interface ExerciseSettings {
  offTimeS: number
  waitTimeS: number
  /** A system that is not registered counts as healthy while its server is read on. */
  trustUnregistered: boolean
}

/** One test of the exercise so far. */
export interface ExerciseTest {
  id: string
  server: string
  status: OperationEnding['status'] | 'running' | 'unknown'
  code: string | null
  detail: string | null
  feeds: readonly FeedFinding[]
  /** Whether anything was switched at all. */
  cut: boolean
}

export interface ExerciseQuestion {
  site: SiteDocument
  health: SiteHealth
  /** Names of the agents that are connected. */
  agents: readonly string[]
  tests: readonly ExerciseTest[]
  settings: ExerciseSettings
}

export interface ExercisedOutlet extends Outlet {
  verdict: FeedFinding['verdict'] | 'not-tested'
  loss?: FeedFinding['loss']
}

export interface ExercisedMachine {
  name: string
  class: MachineClass
  status: 'waiting' | 'running' | 'passed' | 'failed' | 'not-tested' | 'unknown'
  /** Id of its test. */
  test: string | null
  code: string | null
  detail: string | null
  outlets: ExercisedOutlet[]
}

export interface Exercise {
  /**
   * - `planned`, `running`: there is a next test, or one is under way.
   * - `passed`: every used outlet was lost and came back at a supply of its own machine.
   * - `failed`: every test was done, and not every one passed.
   * - `incomplete`: nothing failed, but outlets were not tested; they may be once what kept them from it is gone.
   * - `stopped`: nothing more is cut.
   * - `unknown`: nobody knows how the newest test ended.
   */
  status: 'planned' | 'running' | 'passed' | 'failed' | 'incomplete' | 'stopped' | 'unknown'
  code: string | null
  detail: string | null
  machines: ExercisedMachine[]
  /** The machine whose turn it is. */
  next?: { server: string; class: MachineClass }
  /** About how long the tests that are left take. */
  leftS: number
}

/** Tests that end so leave every outlet on and every supply that was seen good: the next machine may be cut. */
const GO_ON_AFTER: ReadonlySet<string | null> = new Set([
  'mis-cabled',
  'not-logged',
  'supply-not-reached',
])
/** Nothing of the machine, and no better for the next one. */
const STOP_AT: ReadonlySet<string | null> = new Set([
  'order-expired',
  'journal-full',
  'no-configuration',
])
/** The looks before the first cut, and those around each. */
const LOOKS_S = 5
const LOOKS_PER_CUT_S = 3

export function decideExercise(question: ExerciseQuestion): Exercise {
  const { site, tests } = question
  const { servers, managementServers } = site.spec
  const found = [
    ...servers.map((server) => machineOf(server, 'P', question)),
    ...managementServers.map((server) => machineOf(server, 'M', question)),
  ].filter(({ outlets }) => outlets.length > 0)
  const stop = tests.map(stopOf).find((why) => why !== undefined)
  const machines = stop ? found.map((machine) => leaveOut(machine, stop)) : found
  const waiting = machines.filter(({ status }) => status === 'waiting')
  const left = machines.filter(({ status }) => status === 'waiting' || status === 'running')
  const leftS = left.reduce((sum, machine) => sum + durationS(machine, question.settings), 0)
  const isIdle = !machines.some(({ status }) => status === 'running' || status === 'unknown')
  const [next] = isIdle ? waiting : []
  return {
    ...(stop ? { status: 'stopped' as const, ...stop } : verdictOf(machines, tests.length > 0)),
    machines,
    ...(next ? { next: { server: next.name, class: next.class } } : {}),
    leftS,
  }
}

/** Settings of the test of one machine: a management server's feeds stay off for longer. */
export function exerciseTimesOf(of: MachineClass, { offTimeS, waitTimeS }: ExerciseSettings) {
  return {
    offTimeS: of === 'M' ? Math.max(offTimeS, MANAGEMENT_OFF_TIME_S.min) : offTimeS,
    waitTimeS,
  }
}

function durationS({ class: of, outlets }: ExercisedMachine, settings: ExerciseSettings): number {
  const { offTimeS, waitTimeS } = exerciseTimesOf(of, settings)
  return LOOKS_S + outlets.length * (offTimeS + LOOKS_PER_CUT_S) + (outlets.length - 1) * waitTimeS
}

function machineOf(
  machine: Server | ManagementServer,
  of: MachineClass,
  question: ExerciseQuestion,
): ExercisedMachine {
  const { name, feeds } = machine
  const test = question.tests.find(({ server }) => server === name)
  const common = { name, class: of, outlets: feeds.map((feed) => outletOf(feed, test)) }
  if (!test) {
    const why = whyNot(machine, of, question)
    const status = why ? 'not-tested' : 'waiting'
    return { ...common, status, test: null, code: null, detail: null, ...why }
  }
  const { id, code, detail } = test
  return { ...common, status: testedAs(test, common.outlets), test: id, code, detail }
}

function outletOf({ pdu, outlet }: Feed, test: ExerciseTest | undefined): ExercisedOutlet {
  const found = test?.feeds.find((feed) => feed.pdu === pdu && feed.outlet === outlet)
  if (!found) return { pdu, outlet, verdict: 'not-tested' }
  const { verdict, loss } = found
  return { pdu, outlet, verdict, ...(loss ? { loss } : {}) }
}

/** Of a passed test every outlet must have been seen, as the feeds stand now. */
function testedAs(
  { status }: ExerciseTest,
  outlets: readonly ExercisedOutlet[],
): ExercisedMachine['status'] {
  if (status === 'running' || status === 'unknown') return status
  const right = outlets.every(({ verdict }) => verdict === 'right')
  return status === 'done' && right ? 'passed' : 'failed'
}

/** Why a machine may not be tested now; it is looked at anew before every test. */
function whyNot(
  machine: Server | ManagementServer,
  of: MachineClass,
  { site, health, agents, settings }: ExerciseQuestion,
): TestRefusal | undefined {
  const { name, feeds } = machine
  const tooFew = judgePduSettings(name, feeds, { mode: 'serial' })
  if (tooFew) return tooFew
  if (of === 'P') return whyNotSpared(site, name, health, settings.trustUnregistered)
  if (!machine.bmc) {
    return refuse('no-bmc', `${name} has no BMC in the site file: nobody would log the losses`)
  }
  if (agents.length === 0) {
    return refuse('no-agent-connected', 'no agent is connected that could test it')
  }
  const managementServers = site.spec.managementServers.map((server) => server.name)
  const refusals = agents.map((agent) =>
    judgeCarrier(name, { agent, managementServers, peerLink: 'not-configured' }),
  )
  // Which of several agents acts is for them to say.
  return refusals.includes(undefined) ? undefined : refusals[0]
}

/** Why nothing more is cut after this test. */
function stopOf(test: ExerciseTest): TestRefusal | undefined {
  const { server, status, code, detail, feeds, cut } = test
  const why = detail ?? ''
  if (status === 'aborted') {
    return refuse('test-aborted', `the test of ${server} was ended: ${why}`)
  }
  if (status !== 'failed') return undefined
  if (feeds.some(({ verdict }) => verdict === 'not-back')) {
    return refuse('not-back', `at ${server} a supply did not come back: ${why}`)
  }
  if (STOP_AT.has(code) || (cut && !GO_ON_AFTER.has(code))) {
    return refuse(code ?? 'test-failed', `the test of ${server} failed: ${why}`)
  }
  return undefined
}

function leaveOut(machine: ExercisedMachine, { detail }: TestRefusal): ExercisedMachine {
  if (machine.status !== 'waiting') return machine
  return { ...machine, status: 'not-tested', code: 'stopped', detail: `stopped before: ${detail}` }
}

function verdictOf(
  machines: readonly ExercisedMachine[],
  begun: boolean,
): Pick<Exercise, 'status' | 'code' | 'detail'> {
  const count = (status: ExercisedMachine['status']) =>
    machines.filter((machine) => machine.status === status).length
  const say = (status: Exercise['status'], code: string | null, detail: string | null) => {
    return { status, code, detail }
  }
  if (machines.length === 0) return say('incomplete', 'no-outlets', 'no outlet of the site is used')
  if (count('unknown') > 0) {
    const detail =
      'how the newest test ended is not known; what its agent reports later replaces this'
    return say('unknown', 'agent-not-heard', detail)
  }
  if (count('running') > 0) return say('running', null, null)
  if (count('waiting') > 0) return say(begun ? 'running' : 'planned', null, null)
  const counted = `${count('passed')} of ${machines.length} machines passed, ${count('failed')} failed, ${count('not-tested')} not tested`
  if (count('failed') > 0) return say('failed', 'not-passed', counted)
  if (count('not-tested') > 0) return say('incomplete', 'not-tested', counted)
  return say('passed', null, counted)
}
