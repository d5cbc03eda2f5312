// Follows a reset until it is decided, a line for each step as it comes.
import { resetSchema, type ShownReset, type ShownStep } from './answers.ts'
import { NoAnswer, type Query } from './client.ts'
import type { Call } from './command.ts'
import { EXIT, type ExitCode } from './exit.ts'
import { colourOf, plain } from './paint.ts'
import { printJson } from './print.ts'

const LOOK_EVERY_MS = 250
/** Of one long poll, when nobody watches. */
const POLL_S = 20

export interface Following {
  waitMs: number
  /** Ends the watching. */
  signal: AbortSignal
}

/** Prints what it sees and gives back the last that it saw. Lost answers only make it look again. */
export async function followReset(
  call: Call,
  first: ShownReset,
  { waitMs, signal }: Following,
): Promise<ShownReset> {
  const { clock } = call.world
  const until = clock.now() + waitMs
  const lines = new StepLines(call)
  let reset = first
  lines.head(reset)
  for (;;) {
    lines.show(reset)
    const leftMs = until - clock.now()
    if (isDecided(reset) || leftMs <= 0 || signal.aborted) break
    reset = (await look(call, reset, leftMs, signal)) ?? reset
  }
  if (call.json) printJson(call.world, reset)
  else call.world.out(`${finalText(reset, call)}\n`)
  if (!isDecided(reset)) {
    const watching = signal.aborted
      ? 'you stopped watching'
      : `not decided after ${waitMs / 1000} s`
    call.world.err(
      `palisade: ${watching}; the reset goes on. Look at it with: palisade show reset ${reset.id}\n`,
    )
  }
  return reset
}

export function isDecided({ status, result }: ShownReset): boolean {
  return result != null || ['complete', 'failed', 'refused'].includes(status)
}

export function exitOf(reset: ShownReset): ExitCode {
  if (!isDecided(reset)) return EXIT.unknown
  if (reset.status === 'refused') return EXIT.refused
  return reset.status === 'complete' && reset.fenced ? EXIT.done : EXIT.failed
}

async function look(
  call: Call,
  reset: ShownReset,
  leftMs: number,
  signal: AbortSignal,
): Promise<ShownReset | undefined> {
  const waitS = Math.max(1, Math.min(POLL_S, Math.ceil(leftMs / 1000)))
  const query: Query = call.json ? { wait: waitS } : {}
  if (!call.json) await pause(call, Math.min(LOOK_EVERY_MS, leftMs), signal)
  if (signal.aborted) return undefined
  try {
    return await call.client().get(`/v1/resets/${encodeURIComponent(reset.id)}`, resetSchema, {
      query,
      signal,
      waitMs: waitS * 1000,
    })
  } catch (error) {
    if (error instanceof NoAnswer) return undefined
    throw error
  }
}

export function pause(call: Call, delayMs: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const cancel = call.world.clock.after(delayMs, done)
    signal?.addEventListener('abort', done, { once: true })
    function done() {
      cancel()
      signal?.removeEventListener('abort', done)
      resolve()
    }
  })
}

class StepLines {
  readonly #call: Call
  #shown = 0
  #startAt: string | undefined

  constructor(call: Call) {
    this.#call = call
  }

  head({ id, server, system, mode, requestedBy, detail }: ShownReset): void {
    if (this.#call.json) return
    const target = system == null ? server : `${server} (system ${system})`
    this.#call.world.out(`${plain(`reset ${id} of ${target}, ${mode}, asked by ${requestedBy}`)}\n`)
    if (detail != null) this.#call.world.err(`palisade: ${plain(detail)}\n`)
  }

  show({ steps }: ShownReset): void {
    this.#startAt ??= steps[0]?.at
    for (const step of steps.slice(this.#shown)) {
      if (!this.#call.json) this.#call.world.out(`${stepLine(step, this.#startAt, this.#call)}\n`)
    }
    this.#shown = Math.max(this.#shown, steps.length)
  }
}

/** Milliseconds since the first step, by the clock of the agent that wrote them. */
export function stepLine(
  step: ShownStep,
  startAt: string | undefined,
  { paint }: Pick<Call, 'paint'>,
): string {
  const elapsed = instantMs(step.at) - instantMs(startAt ?? step.at)
  const time = `+${elapsed.toFixed(1)} ms`.padStart(14)
  const what = plain(stepText(step))
  const failed = step.detail.error == null ? undefined : 'red'
  const head = `${paint(time, 'grey')}  ${step.kind.padEnd(9)}  ${step.direction}`
  return plainEnd(`${head}  ${paint(what, failed)}`)
}

function plainEnd(line: string): string {
  return line.replace(/ +$/, '')
}

function stepText({ direction, detail }: ShownStep): string {
  const { pdu, outlet, switch: to, action, state, address, port, number, error } = detail
  const preposition = direction === 'SEND' ? 'to' : 'from'
  const parts = [
    pdu === undefined ? undefined : `${pdu} outlet ${outlet} ${to ?? ''}`.trimEnd(),
    action,
    state,
    address === undefined ? undefined : `${preposition} ${address} port ${port}`,
    number == null ? undefined : `system ${number}`,
    error == null ? undefined : `error: ${error}`,
  ]
  return parts.filter((part) => part != null && part !== '').join(', ')
}

/** RFC 3339 with microseconds, as milliseconds with a fraction. */
function instantMs(text: string): number {
  const fraction = /\.(\d+)/.exec(text)?.[1] ?? '0'
  return Date.parse(text.replace(/\.\d+/, '')) + Number(`0.${fraction}`) * 1000
}

export function finalText(reset: ShownReset, { paint }: Pick<Call, 'paint'>): string {
  const { server, status, result, fenced, grade, evidence, recovery, detail, code } = reset
  // Until the answer, not until the feeds or the power are on again.
  const answered = reset.steps.findLast(
    (step) => step.kind === 'RM-RESET' && step.direction === 'SEND',
  )
  const [first] = reset.steps
  const tookMs = first && answered ? instantMs(answered.at) - instantMs(first.at) : undefined
  const words = [
    status,
    ...(result == null ? [] : [result]),
    fenced ? 'fenced' : 'NOT fenced',
    ...(grade == null ? [] : [`grade ${grade}`]),
    ...(tookMs === undefined ? [] : [`${tookMs.toFixed(1)} ms`]),
  ]
  const verdict = paint(`${server}: ${words.join(', ')}`, fenced ? 'green' : colourOf(status))
  const why = [code, detail].filter((text) => text != null && text !== '').join(': ')
  return [
    verdict,
    ...(why === '' ? [] : [`  why       ${plain(why)}`]),
    ...evidence.map(({ source, said, at }) => `  evidence  ${plain(`${source}: ${said} (${at})`)}`),
    ...(recovery === 'none' ? [] : [`  recovery  ${plain(recovery)}`]),
  ].join('\n')
}
