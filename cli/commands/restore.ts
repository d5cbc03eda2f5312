// palisade restore: all feeds of a server on again, outlets read (spec domain.md §9).
import { operationSchema, type ShownOperation } from '../answers.ts'
import { type Call, type Command, SITE_OPTION } from '../command.ts'
import type { ExitCode } from '../exit.ts'
import { exitOfOperation, followOperation, reasonOf } from '../follow-operation.ts'
import { colourOf } from '../paint.ts'
import { printJson } from '../print.ts'
import { chooseSite, machinePath } from '../site-choice.ts'

const WAIT_DEFAULT_S = 120

export const restoreCommand: Command = {
  words: ['restore'],
  summary: 'switch all feeds of a server or management server on again',
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
  const { path } = await machinePath(call, site, args.at(0))
  const request = { method: 'POST' as const, key }
  const { answer } = await call.client().send(`${path}/restore`, operationSchema, request)
  const last = await followOperation(call, answer, { site, waitMs })
  if (call.json) printJson(world, last)
  else world.out(`${finalLine(args.at(0), last, call)}\n`)
  return exitOfOperation(last)
}

function finalLine(
  server: string,
  operation: ShownOperation,
  { paint }: Pick<Call, 'paint'>,
): string {
  const { status } = operation
  const words = status === 'done' ? 'all feeds on' : `restore ${status}`
  const colour = status === 'done' ? 'green' : colourOf(status)
  const why = reasonOf(operation)
  return paint(`${server}: ${words}`, colour) + (why === '' ? '' : `: ${why}`)
}
