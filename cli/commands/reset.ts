// palisade reset: asks for one reset, follows its ladder, and ends with what is proven. Exit code 0 means
// fenced and nothing less.
import { RESET_MODES } from '../../core/plan.ts'
import { resetSchema, type ShownReset } from '../answers.ts'
import { Refusal } from '../client.ts'
import { type Call, type Command, SITE_OPTION } from '../command.ts'
import { CommandError, EXIT, type ExitCode, usageError } from '../exit.ts'
import { exitOf, followReset } from '../follow-reset.ts'
import { chooseSite } from '../site-choice.ts'

const WAIT_DEFAULT_S = 300
const WAIT_MAX_S = 86_400
const SYSTEM_NUMBER_MAX = 2_147_483_647

export const resetCommand: Command = {
  words: ['reset'],
  summary: 'reset a server or the server of a system, and say whether it is fenced',
  positionals: ['TARGET'],
  options: {
    reason: { type: 'string', value: 'TEXT', summary: 'why; it stands in the audit (needed)' },
    mode: { type: 'string', value: RESET_MODES.join('|'), summary: 'which steps; default ladder' },
    requester: { type: 'string', value: 'N', summary: 'number of the system that takes over' },
    cluster: { type: 'string', value: 'NAME', summary: 'cluster of a system number that repeats' },
    wait: { type: 'string', value: 'SECONDS', summary: `how long to follow; ${WAIT_DEFAULT_S}` },
    key: { type: 'string', value: 'K', summary: 'Idempotency-Key: ask for the same reset again' },
    site: SITE_OPTION,
  },
  notes: [
    'TARGET is the name of a server, or the number of a system. A name of digits only is given as',
    'server:NAME. Exit codes: 0 fenced, 1 failed or not fenced, 3 refused, 4 outcome not known.',
    'Ctrl-C ends the watching, never the reset.',
  ],
  run: runReset,
}

async function runReset(call: Call): Promise<ExitCode> {
  const { args, world } = call
  const waitMs = (args.integer('wait', 0, WAIT_MAX_S) ?? WAIT_DEFAULT_S) * 1000
  const key = readKey(args.text('key')) ?? newKey(call)
  const ask = { ...readAsk(call), site: await chooseSite(call) }
  const interrupt = new AbortController()
  const cancel = world.onInterrupt(() => interrupt.abort())
  try {
    const first = await request(call, ask, key, interrupt.signal)
    const last = await followReset(call, first, { waitMs, signal: interrupt.signal })
    return exitOf(last)
  } finally {
    cancel()
  }
}

function readAsk({ args }: Call) {
  const target = readTarget(args.at(0), args.text('cluster'))
  const requester = args.integer('requester', 1, SYSTEM_NUMBER_MAX)
  const mode = args.choice('mode', RESET_MODES)
  return {
    target,
    ...(requester === undefined ? {} : { requester: { system: requester } }),
    ...(mode === undefined ? {} : { mode }),
    reason: args.needed('reason'),
  }
}

export function readTarget(
  text: string,
  cluster: string | undefined,
): { server: string } | { system: number; cluster?: string } {
  const number = /^(?:system:)?(\d+)$/.exec(text)?.[1]
  if (number !== undefined) {
    const system = Number(number)
    if (system < 1 || system > SYSTEM_NUMBER_MAX) {
      throw usageError(`${text} is no system number: 1 to ${SYSTEM_NUMBER_MAX}`)
    }
    return { system, ...(cluster === undefined ? {} : { cluster }) }
  }
  if (cluster !== undefined) throw usageError('--cluster goes with a system number only')
  return { server: text.replace(/^server:/, '') }
}

function readKey(key: string | undefined): string | undefined {
  if (key === undefined || /^[\x21\x23-\x7e]{1,255}$/.test(key)) return key
  throw usageError('--key must have 1 to 255 printable ASCII characters without space or "')
}

function newKey({ world }: Call): string {
  return Buffer.from(world.random.bytes(16)).toString('hex')
}

/** Asks with one key however often; an open reset of the same server is followed instead. */
async function request(
  call: Call,
  ask: object,
  key: string,
  signal: AbortSignal,
): Promise<ShownReset> {
  const again = `run it again with --key ${key}: it asks for the same reset and never for a second`
  try {
    const { answer } = await call
      .client()
      .send('/v1/resets', resetSchema, { method: 'POST', body: ask, key, signal })
    return answer
  } catch (error) {
    if (error instanceof Refusal && error.notes.code === 'reset-already-open' && error.reset) {
      call.world.err(`palisade: ${error.message} (${error.reset}); following that one\n`)
      return await call.client().get(`/v1/resets/${encodeURIComponent(error.reset)}`, resetSchema)
    }
    if (error instanceof CommandError && (error.exit === EXIT.unknown || signal.aborted)) {
      const notes = { ...error.notes, code: 'unknown-outcome', next: again }
      throw new CommandError(EXIT.unknown, 'the request may have been accepted', notes)
    }
    throw error
  }
}
