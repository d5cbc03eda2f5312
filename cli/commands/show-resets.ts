// palisade show reset|resets: resets as they stand or stood.
import { resetSchema, resetsSchema } from '../answers.ts'
import { type Command, SITE_OPTION } from '../command.ts'
import { EXIT } from '../exit.ts'
import { finalText, stepLine } from '../follow-reset.ts'
import { printJson, printResult } from '../print.ts'
import { chooseSite } from '../site-choice.ts'

export const showReset: Command = {
  words: ['show', 'reset'],
  summary: 'one reset with its steps and evidence',
  positionals: ['ID'],
  async run(call) {
    const id = encodeURIComponent(call.args.at(0))
    const reset = await call.client().get(`/v1/resets/${id}`, resetSchema)
    if (call.json) {
      printJson(call.world, reset)
      return EXIT.done
    }
    const startAt = reset.steps[0]?.at
    const lines = reset.steps.map((step) => stepLine(step, startAt, call))
    call.world.out(`${[...lines, finalText(reset, call)].join('\n')}\n`)
    return EXIT.done
  },
}

export const showResets: Command = {
  words: ['show', 'resets'],
  summary: 'the newest resets of a site',
  options: {
    site: SITE_OPTION,
    server: { type: 'string', value: 'NAME', summary: 'only those of this server' },
    status: { type: 'string', value: 'WORD', summary: 'only those of this status' },
    limit: { type: 'string', value: 'N', summary: 'how many; default 20' },
  },
  async run(call) {
    const { args } = call
    const site = await chooseSite(call)
    const query = {
      site,
      server: args.text('server'),
      status: args.text('status'),
      limit: args.integer('limit', 1, 200) ?? 20,
    }
    const answer = await call.client().get('/v1/resets', resetsSchema, { query })
    printResult(call, answer, () => [
      {
        title: `Resets of ${site}`,
        columns: ['requested', 'id', 'server', 'status', 'result', 'grade', 'recovery', 'by'],
        rows: answer.items.map((reset) => [
          reset.requestedAt,
          reset.id,
          reset.server,
          reset.status,
          reset.result ?? '--',
          reset.grade ?? '--',
          reset.recovery,
          reset.requestedBy,
        ]),
      },
    ])
    return EXIT.done
  },
}
