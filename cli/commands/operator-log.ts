// palisade operator-log: who changed what over the API, and who was refused.
import { type Command, SITE_OPTION } from '../command.ts'
import { EXIT } from '../exit.ts'
import { type OperatorEntry, readOperatorLog } from '../operator-entries.ts'
import { printResult } from '../print.ts'

const DAY_MS = 86_400_000
const DAYS_DEFAULT = 7
const ENTRIES_DEFAULT = 200

export const operatorLogCommand: Command = {
  words: ['operator-log'],
  summary: 'every change that was asked for, by whom and how it ended',
  options: {
    site: { ...SITE_OPTION, summary: 'only changes of this site; default every one' },
    from: { type: 'string', value: 'INSTANT', summary: 'RFC 3339; default seven days ago' },
    to: { type: 'string', value: 'INSTANT', summary: 'RFC 3339' },
    after: { type: 'string', value: 'ID', summary: 'only entries with a higher id' },
    limit: { type: 'string', value: 'N', summary: 'the newest so many; default 200' },
  },
  notes: [
    'Needs an admin token. Bodies are not kept: what a reset was for stands in the reset, by its id.',
  ],
  async run(call) {
    const { args, world } = call
    const after = args.integer('after', 0, 999_999_999_999_999)
    const weekAgo = new Date(world.clock.wallMs() - DAYS_DEFAULT * DAY_MS).toISOString()
    const filter = {
      site: args.text('site'),
      from: args.text('from') ?? (after === undefined ? weekAgo : undefined),
      to: args.text('to'),
      after,
    }
    const most = args.integer('limit', 1, 100_000) ?? ENTRIES_DEFAULT
    const { items, leftOut } = await readOperatorLog(call.client(), filter, most)
    if (leftOut > 0) world.err(`palisade: ${leftOut} older entries are left out; see --limit\n`)
    printResult(call, { items, leftOut }, () => [
      {
        title: 'Operator log',
        columns: ['at', 'who', 'change', 'site', 'subject', 'outcome', 'made', 'from', 'client'],
        rows: items.map(rowOf),
        empty: 'no change was asked for in this time',
      },
    ])
    return EXIT.done
  },
}

function rowOf(entry: OperatorEntry): string[] {
  const { token, route, dryRun, status, code } = entry
  return [
    entry.at,
    token?.name ?? '--',
    `${entry.method} ${route ?? '--'}${dryRun ? ' (dry run)' : ''}`,
    entry.site ?? '--',
    entry.subject ?? '--',
    code ? `${status} ${code}` : String(status),
    entry.made ?? '--',
    entry.remoteAddress ?? '--',
    entry.userAgent ?? '--',
  ]
}
