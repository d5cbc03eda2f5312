// An exercise as people see it: machines in their order, outlets with their verdicts, and a line as it goes on.
import type { ShownExercise } from './answers.ts'
import type { Call } from './command.ts'
import { colourOf, plain } from './paint.ts'
import type { Table } from './table.ts'

export function durationText(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`
  if (seconds < 7200) return `${Math.round(seconds / 60)} min`
  return `${(seconds / 3600).toFixed(1)} h`
}

/** A line for each machine whose standing changed. */
export function showProgress(
  { world, paint }: Call,
  { machines, leftS }: ShownExercise,
  shown: Map<string, string>,
): void {
  for (const { name, status, code, outlets } of machines) {
    if (shown.get(name) === status) continue
    shown.set(name, status)
    if (status === 'waiting') continue
    const feeds = outlets.map(({ pdu, outlet, verdict }) =>
      status === 'running' ? `${pdu}/${outlet}` : `${pdu}/${outlet} ${verdict}`,
    )
    const why = code == null ? '' : `, ${code}`
    const left = status === 'running' ? `  (about ${durationText(leftS)} left)` : ''
    const word = paint(plain(status), colourOf(status))
    world.out(`${plain(name)}  ${word}${plain(why)}  ${plain(feeds.join(', '))}${left}\n`)
  }
}

export function machineTable({ machines }: ShownExercise): Table {
  return {
    title: 'Exercise',
    columns: ['machine', 'class', 'outlets', 'status', 'why'],
    empty: 'no outlet of the site is used',
    rows: machines.map(({ name, class: of, outlets, status, code, detail }) => [
      name,
      of,
      outlets.map(({ pdu, outlet }) => `${pdu}/${outlet}`).join(' '),
      status,
      [code, detail].filter((text) => text != null && text !== '').join(': '),
    ]),
  }
}

export function outletTable({ machines }: ShownExercise): Table {
  return {
    title: 'Outlets',
    columns: ['machine', 'outlet', 'verdict', 'supply', 'test'],
    rows: machines.flatMap(({ name, test, outlets }) =>
      outlets.map(({ pdu, outlet, verdict, loss }) => [
        name,
        `${pdu}/${outlet}`,
        verdict,
        loss ? `${loss.sensor.toString(16).toUpperCase()}h of ${loss.server}` : '--',
        test ?? '--',
      ]),
    ),
  }
}

export function verdictLine(
  { id, status, code, detail }: ShownExercise,
  { paint }: Pick<Call, 'paint'>,
) {
  const why = [code, detail].filter((text) => text != null && text !== '').join(': ')
  const colour = status === 'passed' ? 'green' : colourOf(status)
  return paint(plain(`exercise ${id}: ${status}`), colour) + (why === '' ? '' : `: ${plain(why)}`)
}
