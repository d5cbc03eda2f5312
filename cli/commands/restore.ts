// palisade restore: all feeds of a server on again, outlets read (spec domain.md §9).
import { operationSchema, type ShownOperation } from '../answers.ts'
import { type Call, type Command, SITE_OPTION } from '../command.ts'
import { EXIT, type ExitCode } from '../exit.ts'
import { pause, stepLine } from '../follow-reset.ts'
import { colourOf, plain } from '../paint.ts'
import { printJson } from '../print.ts'
import { chooseSite, sitePath } from '../site-choice.ts'

const WAIT_DEFAULT_S = 120
const LOOK_EVERY_MS = 250

export const restoreCommand: Command = {
  words: ['restore'],
  summary: 'switch all feeds of a server on again',
  positionals: ['SERVER'],
  options: {
    wait: { type: 'string', value: 'SECONDS', summary: `how long to follow; ${WAIT_DEFAULT_S}` },
    key: { type: 'string', value: 'K', summary: 'Idempotency-Key: ask for the same restore again' },
    site: SITE_OPTION,
  },
  run: runRestore,
}

async function runRestore(call: Call): Promise<ExitCode> {
  const { args, world } = call
  const waitMs = (args.integer('wait', 0, 86_400) ?? WAIT_DEFAULT_S) * 1000
  const key = args.text('key') ?? Buffer.from(world.random.bytes(16)).toString('hex')
  const site = await chooseSite(call)
  const path = sitePath(site, `/servers/${encodeURIComponent(args.at(0))}/restore`)
  const { answer } = await call.client().send(path, operationSchema, { method: 'POST', key })
  const last = await follow(call, answer, { site, waitMs })
  if (call.json) printJson(world, last)
  else world.out(`${finalLine(args.at(0), last, call)}\n`)
  if (last.status === 'done') return EXIT.done
  return last.status === 'failed' || last.status === 'aborted' ? EXIT.failed : EXIT.unknown
}

async function follow(
  call: Call,
  first: ShownOperation,
  { site, waitMs }: { site: string; waitMs: number },
): Promise<ShownOperation> {
  const { clock } = call.world
  const until = clock.now() + waitMs
  let operation = first
  let shown = 0
  for (;;) {
    for (const step of operation.steps.slice(shown)) {
      if (!call.json) call.world.out(`${stepLine(step, operation.steps[0]?.at, call)}\n`)
    }
    shown = Math.max(shown, operation.steps.length)
    if (['done', 'failed', 'aborted'].includes(operation.status)) return operation
    if (clock.now() >= until) return operation
    await pause(call, LOOK_EVERY_MS)
    const path = sitePath(site, `/operations/${encodeURIComponent(first.id)}`)
    operation = await call.client().get(path, operationSchema)
  }
}

function finalLine(
  server: string,
  { status, detail }: ShownOperation,
  { paint }: Pick<Call, 'paint'>,
): string {
  const words = status === 'done' ? 'all feeds on' : `restore ${status}`
  const colour = status === 'done' ? 'green' : colourOf(status)
  const why = detail == null || detail === '' ? '' : `: ${plain(detail)}`
  return paint(`${server}: ${words}`, colour) + why
}
