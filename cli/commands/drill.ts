// palisade drill times: what tests and resets have shown of each server, and the hard timer that follows.
import { type ShownTimes, softResetTimesSchema, statusSchema } from '../answers.ts'
import { type Command, SITE_OPTION } from '../command.ts'
import { EXIT } from '../exit.ts'
import { printResult } from '../print.ts'
import { chooseSite, sitePath } from '../site-choice.ts'
import type { Table } from '../table.ts'

export const drillTimes: Command = {
  words: ['drill', 'times'],
  summary: 'measured soft resets, the hardResetAfterMs they call for, and what wiring is proven',
  positionals: ['[SERVER]'],
  options: { site: SITE_OPTION },
  notes: [
    'Recommended is the longest time measured and a quarter of it, at least 500 ms, on top, rounded up to the',
    'next 100 ms. Measure each server with `palisade test soft-reset`.',
  ],
  async run(call) {
    const site = await chooseSite(call)
    const client = call.client()
    const { servers } = await client.get(sitePath(site, '/status'), statusSchema)
    const only = call.args.positionals[0]
    const rows: ServerTimes[] = []
    for (const { name, wiring } of servers) {
      if (only !== undefined && name !== only) continue
      const path = sitePath(site, `/servers/${encodeURIComponent(name)}/soft-reset-times`)
      const times = await client.get(path, softResetTimesSchema)
      rows.push({ ...times, wiring: wiring?.value ?? '--' })
    }
    if (only !== undefined && rows.length === 0) {
      // Lets the control plane say what is wrong with the name.
      const path = sitePath(site, `/servers/${encodeURIComponent(only)}/soft-reset-times`)
      await client.get(path, softResetTimesSchema)
    }
    printResult(call, { servers: rows }, () => [timesTable(rows)])
    return EXIT.done
  },
}

type ServerTimes = ShownTimes & { wiring: string }

export function timesTable(servers: readonly ServerTimes[]): Table {
  return {
    title: 'Soft resets and wiring',
    columns: ['server', 'measured', 'longest', 'hardResetAfterMs', 'recommended', 'wiring'],
    rows: servers.map(({ server, times, recommended, hardResetAfterMs, wiring }) => [
      server,
      String(times.length),
      recommended ? `${recommended.maxMs.toFixed(1)} ms` : '--',
      String(hardResetAfterMs),
      recommended ? (recommended.hardResetAfterMs?.toString() ?? 'none fits') : '--',
      wiring,
    ]),
  }
}
