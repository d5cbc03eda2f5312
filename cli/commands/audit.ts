// palisade audit: the export of the journals, and its proof without any control plane.
import { type AuditReport, verifyAudit } from '../../protocol/audit.ts'
import { type Call, type Command, SITE_OPTION } from '../command.ts'
import { CommandError, EXIT, type ExitCode } from '../exit.ts'
import { printJson, printResult } from '../print.ts'
import { chooseSite } from '../site-choice.ts'
import type { Table } from '../table.ts'

export const auditCommand: Command = {
  words: ['audit'],
  summary: 'export what the agents recorded',
  options: {
    format: { type: 'string', value: 'ndjson|resetlog', summary: 'default ndjson' },
    server: { type: 'string', value: 'NAME', summary: 'only what concerns this server' },
    agent: { type: 'string', value: 'NAME', summary: 'only what this agent recorded' },
    from: { type: 'string', value: 'INSTANT', summary: 'RFC 3339, such as 2026-01-31T00:00:00Z' },
    to: { type: 'string', value: 'INSTANT', summary: 'RFC 3339' },
    tz: { type: 'string', value: 'ZONE', summary: 'time zone of the reset log; default your own' },
    site: SITE_OPTION,
  },
  notes: [
    'ndjson holds records, keys and signed heads as `palisade audit verify` reads them. An export that is',
    'narrowed by server, from or to cannot be proven to be whole.',
  ],
  run: runAudit,
}

async function runAudit(call: Call): Promise<ExitCode> {
  const { args, world } = call
  const format = args.choice('format', ['ndjson', 'resetlog']) ?? 'ndjson'
  const zone = args.text('tz') ?? Intl.DateTimeFormat().resolvedOptions().timeZone
  const query = {
    site: await chooseSite(call),
    format,
    server: args.text('server'),
    agent: args.text('agent'),
    from: args.text('from'),
    to: args.text('to'),
    tz: format === 'resetlog' ? zone : undefined,
  }
  const decoder = new TextDecoder()
  const collected: string[] = []
  for await (const chunk of call.client().stream('/v1/audit', query)) {
    const text = decoder.decode(chunk, { stream: true })
    if (call.json && format === 'resetlog') collected.push(text)
    else world.out(text)
    await world.drained()
  }
  const lines = collected
    .join('')
    .split('\n')
    .filter((line) => line !== '')
  if (call.json && format === 'resetlog') printJson(world, { lines })
  return EXIT.done
}

export const auditVerify: Command = {
  words: ['audit', 'verify'],
  summary: 'prove an ndjson export: chains unbroken, heads signed; needs no control plane',
  positionals: ['FILE'],
  offline: () => true,
  notes: [
    'FILE is - for standard input. Exit code 0 only when every chain is whole and covered by a signed head.',
    'Compare the fingerprints of the keys with those that the agents printed when they were enrolled.',
  ],
  async run(call) {
    const report = await verify(call, call.args.at(0))
    printResult(call, report, () => verifyTables(report))
    return report.whole ? EXIT.done : EXIT.failed
  },
}

async function verify({ world }: Call, path: string): Promise<AuditReport> {
  try {
    return await verifyAudit(world.readLines(path))
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : undefined
    if (code === undefined) throw cause
    throw new CommandError(EXIT.usage, `${path} cannot be read (${code})`, { code: 'usage', cause })
  }
}

function verifyTables(report: AuditReport): Table[] {
  const unreadable = report.firstUnreadable
  return [
    {
      title: 'Journals',
      columns: ['agent', 'site', 'records', 'gaps', 'breaks', 'heads', 'covered', 'first fault'],
      rows: report.agents.map((audit) => [
        audit.agent,
        audit.site ?? '--',
        audit.records === 0 ? '0' : `${audit.firstSeq}–${audit.lastSeq}`,
        String(audit.gapCount),
        String(audit.breaks),
        audit.headsBad === 0 ? `${audit.headsGood}` : `${audit.headsGood}, ${audit.headsBad} bad`,
        audit.covered ? 'OK' : `NG (to ${audit.coveredTo ?? 'none'})`,
        audit.firstFault ? `line ${audit.firstFault.line}: ${audit.firstFault.said}` : '',
      ]),
      empty: 'no agent in this export',
    },
    {
      title: 'Keys (compare with the enrolment)',
      columns: ['agent', 'fingerprint'],
      rows: report.agents.flatMap(({ agent, keys }) => keys.map((key) => [agent, key])),
    },
    {
      title: '',
      columns: ['whole', 'lines', 'unreadable'],
      rows: [
        [
          report.whole ? 'OK' : 'NG',
          String(report.lines),
          unreadable
            ? `${report.unreadable}, first in line ${unreadable.line}: ${unreadable.said}`
            : '0',
        ],
      ],
    },
  ]
}
