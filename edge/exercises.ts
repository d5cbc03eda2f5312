// The exercise of a site (spec domain.md §9), one test at a time: what is next follows from the tests that it has
// had so far, so that nothing of it is kept but these.
import { decideExercise, type Exercise, exerciseTimesOf } from '../core/drill/exercise.ts'
import type { SiteHealth } from '../core/drill/health.ts'
import { offTimeWarning } from '../core/drill/preconditions.ts'
import type { SiteDocument } from '../core/site.ts'
import { listAgents } from '../db/agents.ts'
import { listLastKnown } from '../db/observations.ts'
import { findOperations } from '../db/operations.ts'
import { listOpenResets } from '../db/resets.ts'
import { exerciseId, operationId } from '../protocol/reset-id.ts'
import { type Caller, requireOperate } from './auth.ts'
import { findConfigured } from './configured.ts'
import { ApiError } from './errors.ts'
import type { PduTestAsk } from './operation-order.ts'
import { acceptOperation } from './operations.ts'
import type { Deps } from './ports.ts'
import { type StatusSources, siteStatus, type Value } from './status.ts'
import { type OperationAnswer, operationOf } from './views.ts'

export interface ExerciseAsk {
  offTimeS: number
  waitTimeS: number
  trustUnregistered: boolean
}

export interface ExerciseAnswer extends Omit<Exercise, 'next'>, ExerciseAsk {
  id: string
  site: string
  warnings: string[]
  startedAt: string | null
  endedAt: string | null
}

interface Found {
  decided: Exercise
  answer: ExerciseAnswer
  /** Of the test under way. */
  running: string | undefined
}

/**
 * Starts the exercise of this key, or its next test unless one is under way. Throws ApiError; then nothing was
 * started, and the same key goes on later.
 */
export async function advanceExercise(
  deps: Deps,
  asked: { site: string; ask: ExerciseAsk; key: string; caller: Caller; dryRun: boolean },
): Promise<ExerciseAnswer> {
  const { site, ask, key, caller, dryRun } = asked
  // It concerns every cluster and the management servers.
  if (!dryRun) requireOperate(caller, site, [])
  const id = exerciseId(site, key)
  const { decided, answer } = await look(deps, site, id, ask)
  const { next, status } = decided
  if (dryRun || status === 'passed' || status === 'stopped') return answer
  if ((await deps.hubs.presence(site)).length === 0) {
    const detail = 'no agent of the site is connected: nothing can be tested'
    throw new ApiError('no-agent-connected', detail)
  }
  if (!next) return answer
  const { trustUnregistered } = ask
  const test: PduTestAsk = {
    mode: 'serial',
    ...exerciseTimesOf(next.class, ask),
    exercise: { id, offTimeMs: ask.offTimeS * 1000, trustUnregistered },
  }
  const { server } = next
  const managing = next.class === 'M' ? { class: 'M' as const } : {}
  await acceptOperation(
    deps,
    { kind: 'pdu-test', site, server, ...managing, test },
    { key: testKey(id, server), caller },
  )
  return (await look(deps, site, id, ask)).answer
}

/** Undefined before its first test; `running` is the id of the one that is under way. */
export async function findExercise(
  deps: Deps,
  name: string,
  id: string,
): Promise<{ answer: ExerciseAnswer; running: string | undefined } | undefined> {
  const { site } = await findConfigured(deps.db, name)
  const [first] = await listTests(deps, site, id)
  const asked = first && askOf(first)
  return asked && (await look(deps, name, id, asked))
}

/** Each machine is tested once in an exercise, by a key of its own. */
function testKey(exercise: string, machine: string): string {
  return `${exercise}/${machine}`
}

async function listTests(deps: Deps, site: SiteDocument, id: string): Promise<OperationAnswer[]> {
  const { servers, managementServers } = site.spec
  const ids = [...servers, ...managementServers].map(({ name }) =>
    operationId(site.metadata.name, testKey(id, name)),
  )
  const rows = await findOperations(deps.db, ids)
  return rows.map(operationOf).filter(({ test }) => test?.exercise?.id === id)
}

function askOf({ test }: OperationAnswer): ExerciseAsk | undefined {
  if (!test?.exercise) return undefined
  const { offTimeMs, trustUnregistered } = test.exercise
  const waitTimeS = test.waitTimeMs / 1000
  return { offTimeS: offTimeMs / 1000, waitTimeS, trustUnregistered }
}

async function look(deps: Deps, name: string, id: string, ask: ExerciseAsk): Promise<Found> {
  const { site, revision } = await findConfigured(deps.db, name)
  const tests = await listTests(deps, site, id)
  const before = tests[0] && askOf(tests[0])
  if (before && JSON.stringify(before) !== JSON.stringify(ordered(ask))) {
    const detail = `this key belongs to an exercise with ${JSON.stringify(before)}`
    throw new ApiError('idempotency-key-reused', detail)
  }
  const presence = await deps.hubs.presence(name)
  const decided = decideExercise({
    site,
    health: await healthOf(deps, { name, site, revision, presence }),
    agents: presence.map(({ agent }) => agent),
    tests: tests.map(({ id: test, server, status, code, detail, feeds, steps }) => {
      const cut = steps.some(({ kind }) => kind === 'IPDUSD')
      return { id: test, server, status, code, detail, feeds, cut }
    }),
    settings: ask,
  })
  const { next: _, ...shown } = decided
  const warning = offTimeWarning(ask.offTimeS)
  const isOver = !['planned', 'running', 'unknown'].includes(shown.status)
  const answer = {
    id,
    site: name,
    ...shown,
    ...ask,
    warnings: warning === undefined ? [] : [warning],
    startedAt: tests[0]?.requestedAt ?? null,
    endedAt: isOver ? (tests.at(-1)?.endedAt ?? null) : null,
  }
  return { decided, answer, running: tests.find(({ status }) => status === 'running')?.id }
}

function ordered({ offTimeS, waitTimeS, trustUnregistered }: ExerciseAsk): ExerciseAsk {
  return { offTimeS, waitTimeS, trustUnregistered }
}

async function healthOf(
  { db }: Deps,
  of: Omit<StatusSources, 'agents' | 'observations'> & { site: SiteDocument },
): Promise<SiteHealth> {
  const [agents, observations, resets] = await Promise.all([
    listAgents(db, of.name),
    listLastKnown(db, of.name),
    listOpenResets(db, of.name),
  ])
  const { servers, systems } = siteStatus({ ...of, agents, observations })
  const open = new Set(resets.map(({ server }) => server))
  const now = (value: Value | undefined) => (!value || value.stale ? '--' : value.value)
  const shown = new Map(servers.map((server) => [server.name, server]))
  const states = new Map(systems.map((each) => [`${each.cluster}/${each.number}`, each.state]))
  return {
    server(server) {
      const { power, bmc, pdu } = shown.get(server) ?? {}
      return { power: now(power), bmc: now(bmc), pdu: now(pdu), openReset: open.has(server) }
    },
    // What is not registered is shown as such only while somebody says so.
    system: (cluster, number) =>
      now(states.get(`${cluster}/${number}`)).replace(/^--$/, 'not known'),
  }
}
