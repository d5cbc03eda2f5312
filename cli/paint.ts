// Colour, on a terminal only and never against NO_COLOR (no-color.org).
import type { World } from './world.ts'

const CODES = { red: 31, green: 32, yellow: 33, grey: 90, bold: 1 } as const
export type Colour = keyof typeof CODES
export type Paint = (text: string, colour: Colour | undefined) => string

export function makePaint({ env, isTerminal }: Pick<World, 'env' | 'isTerminal'>): Paint {
  const wanted = isTerminal && !env['NO_COLOR'] && env['TERM'] !== 'dumb'
  return (text, colour) =>
    wanted && colour !== undefined && text !== ''
      ? `\u001b[${CODES[colour]}m${text}\u001b[0m`
      : text
}

const GOOD = new Set([
  'OK',
  'pon',
  'normal',
  'active',
  'Enable',
  'Success',
  'completed',
  'complete',
  'passed',
  'right',
])
const BAD = new Set([
  'NG',
  'error',
  'Error',
  'Failed',
  'failed',
  'FAIL',
  'ERROR',
  'not running',
  'stopped',
  'mis-cabled',
  'not-logged',
  'not-back',
])
const ODD = new Set([
  'poff',
  'reset',
  'dump',
  'Disable',
  'unknown',
  'refused',
  'incomplete',
  'not-tested',
])

/** The colour that the words of domain.md §5 and of reports have everywhere. */
export function colourOf(word: string): Colour | undefined {
  const [first = ''] = word.split(' (')
  if (GOOD.has(first)) return 'green'
  if (BAD.has(first)) return 'red'
  return ODD.has(first) ? 'yellow' : undefined
}

/** Takes control characters out of what a server said, so that it cannot steer the terminal. */
export function plain(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these are the ones to take out.
  return text.replaceAll(/[\u0000-\u001f\u007f-\u009f]/g, '\u{fffd}')
}
