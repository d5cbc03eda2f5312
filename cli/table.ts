// Tables for people: columns as wide as their longest cell, two spaces apart.
import { colourOf, type Paint, plain } from './paint.ts'

export interface Table {
  title: string
  columns: readonly string[]
  rows: readonly (readonly string[])[]
  /** Shown instead of the columns when there are no rows. */
  empty?: string
}

export function renderTable({ title, columns, rows, empty }: Table, paint: Paint): string {
  const heading = title === '' ? [] : [paint(title, 'bold')]
  if (rows.length === 0) return [...heading, `  ${empty ?? 'none'}`].join('\n')
  const cells = rows.map((row) => columns.map((_, index) => plain(row[index] ?? '')))
  const widths = columns.map((column, index) =>
    Math.max(column.length, ...cells.map((row) => row[index]?.length ?? 0)),
  )
  const line = (row: readonly string[], colour: (cell: string) => string) =>
    `  ${row.map((cell, index) => pad(cell, widths[index] ?? 0, colour)).join('  ')}`.trimEnd()
  return [
    ...heading,
    line(columns, (cell) => paint(cell, 'grey')),
    ...cells.map((row) => line(row, (cell) => paint(cell, colourOf(cell)))),
  ].join('\n')
}

export function renderTables(tables: readonly Table[], paint: Paint): string {
  return tables.map((table) => renderTable(table, paint)).join('\n\n')
}

/** Padded outside the colour, or the escape codes would count. */
function pad(cell: string, width: number, colour: (cell: string) => string): string {
  return colour(cell) + ' '.repeat(width - cell.length)
}

/** How long ago, in the largest unit that fits. */
export function ageText(ageMs: number): string {
  const seconds = Math.max(0, Math.floor(ageMs / 1000))
  if (seconds < 120) return `${seconds} s`
  if (seconds < 7200) return `${Math.floor(seconds / 60)} min`
  if (seconds < 172_800) return `${Math.floor(seconds / 3600)} h`
  return `${Math.floor(seconds / 86_400)} d`
}
