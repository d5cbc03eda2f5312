// palisade test: cuts the feeds of a server or management server, or stops a system by its soft reset, and says what that showed
// (spec domain.md §9).
import { MANAGEMENT_OFF_TIME_S } from '../../core/drill/management-server.ts'
import { OFF_TIME_S, offTimeWarning, WAIT_TIME_S } from '../../core/drill/preconditions.ts'
import { PDU_TEST_MODES } from '../../core/operation.ts'
import { operationSchema, type ShownOperation } from '../answers.ts'
import { type Call, type Command, type OptionSpec, SITE_OPTION } from '../command.ts'
import { confirm } from '../confirm.ts'
import { type ExitCode, usageError } from '../exit.ts'
import { exitOfOperation, followOperation, hasEnded, reasonOf } from '../follow-operation.ts'
import { colourOf, plain } from '../paint.ts'
import { printJson } from '../print.ts'
import { chooseSite, machinePath, sitePath } from '../site-choice.ts'

const WAIT_DEFAULT_S = 900
const SYSTEM_NUMBER_MAX = 2_147_483_647

const FOLLOWING: Readonly<Record<string, OptionSpec>> = {
  yes: { type: 'boolean', summary: 'do not ask whether it is meant' },
  wait: { type: 'string', value: 'SECONDS', summary: `how long to follow; ${WAIT_DEFAULT_S}` },
  key: { type: 'string', value: 'K', summary: 'Idempotency-Key: ask for the same test again' },
  site: SITE_OPTION,
}

export const testPdu: Command = {
  words: ['test', 'pdu'],
  summary: 'cut the feeds of a server or management server and switch them on again',
  positionals: ['SERVER'],
  options: {
    mode: {
      type: 'string',
      value: PDU_TEST_MODES.join('|'),
      summary: 'all together, or one by one',
    },
    pdu: { type: 'string', value: 'NAME', summary: 'only the feeds of this PDU; serial only' },
    'off-time': {
      type: 'string',
      value: 'SECONDS',
      summary:
        `how long a feed is off, ${OFF_TIME_S.min} to ${OFF_TIME_S.max}; ${OFF_TIME_S.usual}; ` +
        `serial of a management server from ${MANAGEMENT_OFF_TIME_S.min}, ${MANAGEMENT_OFF_TIME_S.usual}`,
    },
    'wait-time': {
      type: 'string',
      value: 'SECONDS',
      summary: `from one feed to the next; ${WAIT_TIME_S.usual}; serial only`,
    },
    'leave-up': {
      type: 'boolean',
      summary: 'the HA software is left up on purpose, to try the failover; same only',
    },
    ...FOLLOWING,
  },
  notes: [
    'serial keeps the server running, stops at the first supply that does not come back, and compares each',
    'cut with the event logs of all BMCs: a test of all feeds proves the wiring. same stops the server.',
    'A management server takes neither --pdu nor --leave-up, and its own agent cannot carry the test out. After',
    'same see that it is powered on and that its agent runs.',
    'A reset of the server ends the test at once. Exit codes: 0 passed, 1 not passed, 3 refused, 4 not known.',
  ],
  run: runPdu,
}

export const testSoftReset: Command = {
  words: ['test', 'soft-reset'],
  summary: 'stop a system by its soft reset and measure how long that takes',
  positionals: ['SERVER'],
  options: {
    system: { type: 'string', value: 'N', summary: 'number of the system on that server (needed)' },
    cluster: { type: 'string', value: 'NAME', summary: 'cluster of a system number that repeats' },
    ...FOLLOWING,
  },
  notes: [
    'It really stops the system: its kernel panics. It never goes on to a hard reset. What was measured',
    'counts for `palisade drill times`.',
  ],
  run: runSoftReset,
}

async function runPdu(call: Call): Promise<ExitCode> {
  const { args } = call
  const server = args.at(0)
  const mode = args.choice('mode', PDU_TEST_MODES)
  if (mode === undefined) throw usageError(`--mode is missing: ${PDU_TEST_MODES.join(' or ')}`)
  const pdu = args.text('pdu')
  const offTimeS = args.integer('off-time', OFF_TIME_S.min, OFF_TIME_S.max)
  const waitTimeS = args.integer('wait-time', WAIT_TIME_S.min, WAIT_TIME_S.max)
  const leaveUp = args.flag('leave-up')
  if (mode === 'same' && (pdu !== undefined || waitTimeS !== undefined)) {
    throw usageError('--pdu and --wait-time go with --mode serial only')
  }
  if (mode === 'serial' && leaveUp) throw usageError('--leave-up goes with --mode same only')
  const site = await chooseSite(call)
  const machine = await machinePath(call, site, server)
  const isManaging = machine.class === 'M'
  if (isManaging) refuseForManagementServer({ mode, pdu, offTimeS, leaveUp })
  const warned = !(isManaging && mode === 'serial')
  const warning = warned && offTimeS !== undefined ? offTimeWarning(offTimeS) : undefined
  if (warning !== undefined) call.world.err(`palisade: ${warning}\n`)
  if (mode === 'same') {
    const then = isManaging ? '; it may have to be powered on, and its agent started, by hand' : ''
    await confirm(call, server, `this cuts all feeds of ${server} and stops it${then}`)
  }
  const body = {
    mode,
    ...(pdu === undefined ? {} : { pdu }),
    ...(offTimeS === undefined ? {} : { offTimeS }),
    ...(waitTimeS === undefined ? {} : { waitTimeS }),
    ...(leaveUp ? { leaveUp } : {}),
  }
  return await runTest(call, { site, server, path: `${machine.path}/tests/pdu`, body })
}

function refuseForManagementServer(asked: {
  mode: string
  pdu: string | undefined
  offTimeS: number | undefined
  leaveUp: boolean
}): void {
  if (asked.pdu !== undefined || asked.leaveUp) {
    throw usageError('--pdu and --leave-up do not go with a management server')
  }
  const { min, max } = MANAGEMENT_OFF_TIME_S
  if (asked.mode === 'serial' && asked.offTimeS !== undefined && asked.offTimeS < min) {
    const allowed = `from ${min} to ${max} for a serial test of a management server`
    throw usageError(`--off-time ${asked.offTimeS}: must be a whole number ${allowed}`)
  }
}

async function runSoftReset(call: Call): Promise<ExitCode> {
  const { args } = call
  const server = args.at(0)
  args.needed('system')
  const system = args.integer('system', 1, SYSTEM_NUMBER_MAX)
  const cluster = args.text('cluster')
  await confirm(call, server, `this really stops system ${system} on ${server}`)
  const body = { system, ...(cluster === undefined ? {} : { cluster }) }
  const site = await chooseSite(call)
  const path = sitePath(site, `/servers/${encodeURIComponent(server)}/tests/soft-reset`)
  return await runTest(call, { site, server, path, body })
}

async function runTest(
  call: Call,
  { site, server, path, body }: { site: string; server: string; path: string; body: object },
): Promise<ExitCode> {
  const { args, world } = call
  const waitMs = (args.integer('wait', 0, 86_400) ?? WAIT_DEFAULT_S) * 1000
  const key = args.text('key') ?? Buffer.from(world.random.bytes(16)).toString('hex')
  const { answer } = await call.client().send(path, operationSchema, { method: 'POST', body, key })
  if (!call.json) world.out(`${plain(`test ${answer.id} of ${server}`)}\n`)
  const last = await followOperation(call, answer, { site, waitMs })
  if (call.json) printJson(world, last)
  else for (const line of resultLines(server, last, call)) world.out(`${line}\n`)
  if (!hasEnded(last)) world.err('palisade: the test goes on\n')
  return exitOfOperation(last)
}

export function resultLines(
  server: string,
  test: ShownOperation,
  { paint }: Pick<Call, 'paint'>,
): string[] {
  const why = reasonOf(test)
  const words = test.status === 'done' ? 'passed' : test.status
  const colour = test.status === 'done' ? 'green' : colourOf(test.status)
  return [
    paint(plain(`${server}: test ${words}`), colour) + (why === '' ? '' : `: ${why}`),
    ...(test.softResetMs == null ? [] : [`  stop notice after ${test.softResetMs.toFixed(1)} ms`]),
    ...(test.feeds ?? []).map(({ pdu, outlet, verdict, loss }) => {
      const supply = loss && `supply ${loss.sensor.toString(16).toUpperCase()}h of ${loss.server}`
      const when = loss && `lost ${loss.lostAt}, back ${loss.returnedAt ?? 'not yet'}`
      const told = [verdict, supply, when].filter((text) => text !== undefined).join(', ')
      return `  feed  ${plain(`${pdu}/${outlet}: ${told}`)}`
    }),
  ]
}
