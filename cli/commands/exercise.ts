// palisade drill: the exercise of a site, every used outlet once (spec domain.md §9). It asks for one test after
// the other: nothing is cut while nobody watches, and the same key goes on where it stood.
import { MANAGEMENT_OFF_TIME_S } from '../../core/drill/management-server.ts'
import { OFF_TIME_S, WAIT_TIME_S } from '../../core/drill/preconditions.ts'
import { exerciseSchema, type ShownExercise } from '../answers.ts'
import { NoAnswer, Refusal } from '../client.ts'
import { type Call, type Command, SITE_OPTION } from '../command.ts'
import { confirm } from '../confirm.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { pause } from '../follow-reset.ts'
import { plain } from '../paint.ts'
import { printJson, printResult } from '../print.ts'
import {
  durationText,
  machineTable,
  outletTable,
  showProgress,
  verdictLine,
} from '../show-exercise.ts'
import { chooseSite, sitePath } from '../site-choice.ts'
import { renderTables } from '../table.ts'

const LOOK_EVERY_MS = 1000
/** A long poll of the control plane. */
const LOOK_WAIT_S = 20
/** How long it may stay silent before the watching ends. */
const SILENT_MAX_MS = 120_000

export const drillCommand: Command = {
  words: ['drill'],
  summary:
    'exercise every used outlet of the site: cut each once, and see its supply go and come back',
  options: {
    'off-time': {
      type: 'string',
      value: 'SECONDS',
      summary:
        `how long a feed is off, ${OFF_TIME_S.min} to ${OFF_TIME_S.max}; ${OFF_TIME_S.usual}; ` +
        `of a management server at least ${MANAGEMENT_OFF_TIME_S.min}`,
    },
    'wait-time': {
      type: 'string',
      value: 'SECONDS',
      summary: `from one feed of a machine to the next; ${WAIT_TIME_S.usual}`,
    },
    'trust-unregistered': {
      type: 'boolean',
      summary: 'count a system that is not registered as healthy while its server is on',
    },
    'dry-run': {
      type: 'boolean',
      summary: 'show the order, what is left out and why; cut nothing',
    },
    key: { type: 'string', value: 'K', summary: 'go on with the exercise of this key' },
    yes: { type: 'boolean', summary: 'do not ask whether it is meant' },
    site: SITE_OPTION,
  },
  notes: [
    'Machine by machine, feed by feed: servers first, none whose cluster has no other healthy system, then the',
    'management servers that an agent elsewhere can test. It passes when every outlet of all of them was seen by',
    'a supply of its own machine. It stops at the first supply that does not come back, and at a reset.',
    'Ctrl-C, or an end of this command, lets the test under way come to its end and cuts nothing more; the same',
    'command with the same --key goes on. `palisade drill show ID` tells how it stands.',
    'Exit codes: 0 passed, 1 not passed, 3 refused, 4 not known or not at its end.',
  ],
  run: runExercise,
}

export const drillShow: Command = {
  words: ['drill', 'show'],
  summary: 'how an exercise stands or ended, outlet by outlet',
  positionals: ['ID'],
  options: { site: SITE_OPTION },
  async run(call) {
    const site = await chooseSite(call)
    const path = sitePath(site, `/exercises/${encodeURIComponent(call.args.at(0))}`)
    const exercise = await call.client().get(path, exerciseSchema)
    printResult(call, exercise, () => [machineTable(exercise), outletTable(exercise)])
    if (!call.json) call.world.out(`${verdictLine(exercise, call)}\n`)
    return exitOf(exercise)
  },
}

interface Asking {
  site: string
  key: string
  body: object
}

async function runExercise(call: Call): Promise<ExitCode> {
  const { args, world } = call
  const offTimeS = args.integer('off-time', OFF_TIME_S.min, OFF_TIME_S.max) ?? OFF_TIME_S.usual
  const waitTimeS = args.integer('wait-time', WAIT_TIME_S.min, WAIT_TIME_S.max) ?? WAIT_TIME_S.usual
  const trustUnregistered = args.flag('trust-unregistered')
  const key = args.text('key') ?? Buffer.from(world.random.bytes(16)).toString('hex')
  const site = await chooseSite(call)
  const asking = { site, key, body: { offTimeS, waitTimeS, trustUnregistered } }
  const planned = await ask(call, asking, true)
  for (const warning of planned.warnings ?? []) world.err(`palisade: ${plain(warning)}\n`)
  if (!call.json) world.out(`${introduction(planned, call)}\n`)
  if (args.flag('dry-run')) {
    if (call.json) printJson(world, planned)
    return EXIT.done
  }
  if (isOpen(planned)) {
    const what = `this cuts one supply after the other of ${countWaiting(planned)} machines of site ${site}`
    await confirm(call, site, what)
    world.err(
      `palisade: exercise ${planned.id}; to go on with it: palisade drill --key ${plain(key)}\n`,
    )
  }
  const last = isOpen(planned) ? await drive(call, asking, planned) : planned
  if (call.json) printJson(world, last)
  else world.out(`\n${renderTables([outletTable(last)], call.paint)}\n${verdictLine(last, call)}\n`)
  return exitOf(last)
}

function ask(call: Call, { site, key, body }: Asking, dryRun: boolean): Promise<ShownExercise> {
  const request = { method: 'POST' as const, body, key, ...(dryRun ? { query: { dryRun } } : {}) }
  return call
    .client()
    .send(sitePath(site, '/exercises'), exerciseSchema, request)
    .then(({ answer }) => answer)
}

/** Asks for test after test until there is none left, and gives back the last that it saw. */
async function drive(call: Call, asking: Asking, first: ShownExercise): Promise<ShownExercise> {
  const { world } = call
  const interrupt = new AbortController()
  const cancel = world.onInterrupt(() => interrupt.abort())
  let exercise = first
  let heardAt = world.clock.now()
  const shown = new Map(first.machines.map(({ name, status }) => [name, status]))
  try {
    while (isOpen(exercise) && !interrupt.signal.aborted) {
      const next = await step(call, asking, exercise, interrupt.signal)
      if (next) {
        heardAt = world.clock.now()
        exercise = next
        if (!call.json) showProgress(call, exercise, shown)
      } else if (world.clock.now() - heardAt >= SILENT_MAX_MS)
        return { ...exercise, status: 'unknown' }
      if (isOpen(exercise)) await pause(call, next ? 0 : LOOK_EVERY_MS, interrupt.signal)
    }
  } finally {
    cancel()
  }
  if (interrupt.signal.aborted) {
    world.err('palisade: the test under way comes to its end; nothing more is cut\n')
  }
  return exercise
}

/** Waits for the test under way, or asks for the next one. Undefined when no answer came. */
async function step(
  call: Call,
  asking: Asking,
  exercise: ShownExercise,
  signal: AbortSignal,
): Promise<ShownExercise | undefined> {
  try {
    const isTesting = exercise.machines.some(({ status }) => status === 'running')
    if (!isTesting) return await ask(call, asking, false)
    const path = sitePath(asking.site, `/exercises/${exercise.id}`)
    const waiting = { query: { wait: LOOK_WAIT_S }, waitMs: LOOK_WAIT_S * 1000, signal }
    return await call.client().get(path, exerciseSchema, waiting)
  } catch (error) {
    if (error instanceof NoAnswer || signal.aborted) return undefined
    if (error instanceof Refusal && error.notes.status === 503) return undefined
    throw error
  }
}

function isOpen({ status }: ShownExercise): boolean {
  return status === 'planned' || status === 'running'
}

function countWaiting({ machines }: ShownExercise): number {
  return machines.filter(({ status }) => status === 'waiting').length
}

function exitOf(exercise: ShownExercise): ExitCode {
  if (exercise.status === 'passed') return EXIT.done
  return isOpen(exercise) || exercise.status === 'unknown' ? EXIT.unknown : EXIT.failed
}

function introduction(planned: ShownExercise, call: Call): string {
  const about = `about ${durationText(planned.leftS)} for ${countWaiting(planned)} machines`
  return `${renderTables([machineTable(planned)], call.paint)}\n\n${about}`
}
