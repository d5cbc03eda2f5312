// How results, tables and errors reach the terminal or, with `--json`, a program.
import type { Call } from './command.ts'
import type { CommandError } from './exit.ts'
import { type Paint, plain } from './paint.ts'
import { renderTables, type Table } from './table.ts'
import type { World } from './world.ts'

/** One JSON document, or the tables that show the same. */
export function printResult(call: Call, answer: unknown, tables: () => readonly Table[]): void {
  if (call.json) printJson(call.world, answer)
  else call.world.out(`${renderTables(tables(), call.paint)}\n`)
}

export function printJson(world: Pick<World, 'out'>, value: unknown): void {
  world.out(`${JSON.stringify(value, null, 2)}\n`)
}

export function printError(
  { out, err }: Pick<World, 'out' | 'err'>,
  error: CommandError,
  { json, paint }: { json: boolean; paint: Paint },
): void {
  const { code, status, faults, next } = error.notes
  if (json) {
    const detail = { code, status, detail: error.message, errors: faults, next }
    out(`${JSON.stringify({ error: detail }, null, 2)}\n`)
    return
  }
  const lines = [`palisade: ${paint(code, 'red')}: ${plain(error.message)}`]
  for (const fault of faults ?? []) {
    lines.push(`  ${paint(plain(fault.pointer || '/'), 'bold')}`)
    if (fault.value !== undefined) lines.push(`    value    ${plain(JSON.stringify(fault.value))}`)
    if (fault.allowed !== undefined) lines.push(`    allowed  ${plain(fault.allowed)}`)
    lines.push(`    why      ${plain(fault.detail)}`)
  }
  if (next !== undefined) lines.push(`next: ${next}`)
  err(`${lines.join('\n')}\n`)
}
