// palisade show reset-paths: could each server be reset now, and if not, what to look at (spec domain.md §6).
import { z } from 'zod'
import { type Command, SITE_OPTION } from '../command.ts'
import { EXIT } from '../exit.ts'
import { printResult } from '../print.ts'
import { chooseSite, sitePath } from '../site-choice.ts'
import type { Table } from '../table.ts'

const problemSchema = z.looseObject({ code: z.string(), subject: z.string(), detail: z.string() })

const pathsSchema = z.looseObject({
  items: z.array(
    z.looseObject({
      server: z.string(),
      systems: z.array(z.looseObject({ cluster: z.string(), number: z.number() })),
      resettable: z.boolean(),
      redundant: z.boolean(),
      rungs: z.array(z.looseObject({ rung: z.string(), ready: z.boolean() })),
      worstMs: z.number().nullable(),
      problems: z.array(problemSchema),
      warnings: z.array(problemSchema),
    }),
  ),
})
type Paths = z.infer<typeof pathsSchema>['items']

/** Redundancy is lost for a whole site at once: it is said once, not for every server. */
export function resetPathTables(paths: Paths): Table[] {
  const lost = new Map(
    paths.flatMap(({ redundant, problems }) =>
      redundant ? [] : problems.map((problem) => [JSON.stringify(problem), problem] as const),
    ),
  )
  const isShared = (problem: Paths[number]['problems'][number]) =>
    paths.length > 1 &&
    paths.every(({ problems }) =>
      problems.some((other) => JSON.stringify(other) === JSON.stringify(problem)),
    )
  const shared = [...lost.values()].filter(isShared)
  const look = ({ problems, warnings }: Paths[number]) =>
    [...problems.filter((problem) => !isShared(problem)), ...warnings]
      .map(({ detail }) => detail)
      .join('; ')
  const tables: Table[] = [
    {
      title: 'Reset paths',
      columns: ['server', 'systems', 'reset', 'by', 'at worst', 'look at'],
      rows: paths.map((path) => [
        path.server,
        path.systems.map(({ number }) => number).join(', ') || '--',
        path.resettable ? 'OK' : 'NG',
        path.rungs.flatMap(({ rung, ready }) => (ready ? [rung] : [])).join(', ') || '--',
        path.worstMs === null ? '--' : `${(path.worstMs / 1000).toFixed(1)} s`,
        look(path),
      ]),
      empty: 'no server yet; see `palisade help apply`',
    },
  ]
  if (shared.length === 0) return tables
  const rows = shared.map(({ subject, detail }) => [subject, detail])
  return [...tables, { title: 'For all of them', columns: ['subject', 'look at'], rows }]
}

export const showResetPaths: Command = {
  words: ['show', 'reset-paths'],
  summary: 'could each server be reset now, by which rungs, and what to look at',
  options: {
    site: SITE_OPTION,
    server: { type: 'string', value: 'NAME', summary: 'only this server' },
  },
  async run(call) {
    const site = await chooseSite(call)
    const answer = await call.client().get(sitePath(site, '/reset-paths'), pathsSchema)
    const server = call.args.text('server')
    const items = answer.items.filter((path) => server === undefined || path.server === server)
    printResult(call, { ...answer, items }, () => resetPathTables(items))
    return items.every(({ resettable }) => resettable) ? EXIT.done : EXIT.failed
  },
}
