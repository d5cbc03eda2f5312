// The rows of the bench and how they are printed: what was measured, how often, and whether the goal was met.

export interface Goal {
  p50?: number
  p99?: number
  max?: number
}

export interface Row {
  what: string
  /** One per run, in the row's unit. */
  samples: readonly number[]
  unit: string
  goal?: Goal
  /** Another row of the section: this one is told as so many times sooner than it. */
  beside?: string
  /** Times sooner than `beside` that the median must be. */
  timesGoal?: number
  /** Of rates: another row, of which this one is told as a part. */
  partOf?: string
  /** Part of `partOf` that the median must reach. */
  partGoal?: number
  note?: string
}

export interface Section {
  title: string
  rows: Row[]
  notes?: string[]
}

export function percentile(samples: readonly number[], part: number): number {
  const sorted = [...samples].sort((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.ceil(part * sorted.length) - 1)] ?? Number.NaN
}

export function median(samples: readonly number[]): number {
  return percentile(samples, 0.5)
}

const HEAD = ['', 'runs', 'p50', 'p99', 'max', 'unit', 'beside', 'goal', '']

/** The section as text, and how many goals it missed. */
export function printSection({ title, rows, notes = [] }: Section): {
  text: string
  missed: number
} {
  let missed = 0
  const cells = rows.map((row) => {
    const { what, samples, unit, note = '' } = row
    const figures = [median(samples), percentile(samples, 0.99), Math.max(...samples)]
    const times = timesOf(row, rows)
    const goals = goalTexts(row)
    const met = isMet(row, times)
    if (goals.length > 0 && !met) missed += 1
    return [
      what,
      String(samples.length),
      ...(samples.length === 0 ? ['-', '-', '-'] : figures.map(shown)),
      unit,
      times === undefined ? '' : `${shown(times)} × ${row.beside ?? row.partOf ?? ''}`,
      goals.length === 0 ? '' : `${goals.join(', ')}: ${met ? 'met' : 'MISSED'}`,
      note,
    ]
  })
  const widths = HEAD.map((head, column) =>
    Math.max(head.length, ...cells.map((row) => (row[column] ?? '').length)),
  )
  const lines = [HEAD, ...cells].map((row) =>
    row
      .map((cell, column) =>
        column >= 1 && column <= 4
          ? cell.padStart(widths[column] ?? 0)
          : cell.padEnd(widths[column] ?? 0),
      )
      .join('  ')
      .trimEnd(),
  )
  return { text: ['', title, ...lines, ...notes.map((note) => `  ${note}`)].join('\n'), missed }
}

/** Times sooner than the row beside it, or times the rate of the row that it is a part of. */
function timesOf({ samples, beside, partOf }: Row, rows: readonly Row[]): number | undefined {
  const other = rows.find(({ what }) => what === (beside ?? partOf))
  if (!other) return undefined
  const sooner = median(other.samples) / median(samples)
  return beside === undefined ? 1 / sooner : sooner
}

function goalTexts({ goal = {}, timesGoal, partGoal }: Row): string[] {
  const bounds = Object.entries(goal).map(([figure, bound]) => `${figure} ≤ ${bound}`)
  const least = timesGoal ?? partGoal
  return least === undefined ? bounds : [...bounds, `≥ ${least} ×`]
}

function isMet(row: Row, times: number | undefined): boolean {
  const { samples, goal = {}, timesGoal, partGoal } = row
  const least = timesGoal ?? partGoal
  const within = (figure: number, bound: number | undefined) =>
    bound === undefined || figure <= bound
  return (
    samples.length > 0 &&
    within(median(samples), goal.p50) &&
    within(percentile(samples, 0.99), goal.p99) &&
    within(Math.max(...samples), goal.max) &&
    (least === undefined || (times ?? 0) >= least)
  )
}

function shown(figure: number): string {
  return figure.toFixed(figure < 10 ? 2 : figure < 100 ? 1 : 0)
}
