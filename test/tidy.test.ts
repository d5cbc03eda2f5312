// House rules that code can check (see CONTRIBUTING.md). A rule that has to be bent is changed here, in
// the open, with its reason.
import { readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { expect, test } from 'vitest'

const root = join(import.meta.dirname, '..')
const FOLDERS = [
  'core',
  'protocol',
  'runtime',
  'db',
  'edge',
  'agent',
  'lab',
  'cli',
  'scripts',
  'test',
]
const LINES_MAX = 400
const FUNCTION_LINES_MAX = 70
/** Tables that grow by a row at a time. */
const TABLES = new Set(['core/pdu-models.ts', 'db/schema.ts'])
const FORBIDDEN_NAME = /(^|[-/])(utils?|helpers?|common|manager|service|data|info|misc)(\.|\/|$)/

interface Source {
  path: string
  text: string
  lines: string[]
}

function sources(folder: string): Source[] {
  return readdirSync(join(root, folder)).flatMap((name) => {
    const path = join(root, folder, name)
    if (statSync(path).isDirectory()) return sources(join(folder, name))
    if (!/\.(ts|mjs)$/.test(name)) return []
    const text = readFileSync(path, 'utf8')
    return [{ path: relative(root, path), text, lines: text.split('\n') }]
  })
}

const all = FOLDERS.flatMap(sources)
const shipped = all.filter(({ path }) => !path.startsWith('test/') && !path.startsWith('scripts/'))

function offences(files: Source[], pattern: RegExp): string[] {
  return files.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) =>
      pattern.test(line) ? [`${path}:${index + 1}: ${line.trim()}`] : [],
    ),
  )
}

test('clock, timers and randomness enter only through runtime/', () => {
  const clocks =
    /\bDate\.now\b|\bnew Date\(\)|\bperformance\.now\b|\bset(Timeout|Interval|Immediate)\(|\bMath\.random\b|\brandom(Bytes|UUID|Int)\(|\bgetRandomValues\b|\bhrtime\b/
  const watched = shipped.filter(({ path }) => !path.startsWith('runtime/'))
  expect(offences(watched, clocks)).toEqual([])
})

test('no file outgrows one reading', () => {
  const long = all.filter(({ path, lines }) => lines.length > LINES_MAX && !TABLES.has(path))
  expect(long.map(({ path, lines }) => `${path}: ${lines.length} lines`)).toEqual([])
})

test('no function outgrows one screen', () => {
  const long = shipped.flatMap(({ path, lines }) =>
    lines.flatMap((line, index) => {
      const opened =
        /^( *)(export )?(async )?(function\b|[#\w]+\(.*\).*\{$|const \w+ = .*=> \{$)/.exec(line)
      if (!opened || /^\s*(if|for|while|switch|return)\b/.test(line)) return []
      const closing = `${opened[1]}}`
      const length = lines.slice(index + 1).findIndex((next) => next.startsWith(closing)) + 1
      return length > FUNCTION_LINES_MAX ? [`${path}:${index + 1}: ${length} lines`] : []
    }),
  )
  expect(long).toEqual([])
})

test('no name says nothing', () => {
  expect(all.map(({ path }) => path).filter((path) => FORBIDDEN_NAME.test(path))).toEqual([])
})

test('nothing is left for later in a comment', () => {
  const watched = all.filter(({ path }) => path !== 'test/tidy.test.ts')
  expect(offences(watched, /\b(TODO|FIXME|XXX|HACK)\b/)).toEqual([])
})

test('what is shipped has no default export and no barrel', () => {
  // The platform finds a Worker by its default export.
  const watched = shipped.filter(({ path }) => path !== 'edge/worker.ts')
  expect(offences(watched, /^export default\b|\bas default\b|^export \* from/)).toEqual([])
})

test('the heart and the protocol need no runtime', () => {
  const neutral = all.filter(
    ({ path }) => /^(core|protocol)\//.test(path) || /^edge\/(?!node\/)/.test(path),
  )
  // The database driver hands over and expects Buffers.
  const elsewhere = neutral.filter(({ path }) => path !== 'edge/worker/database-socket.ts')
  expect(offences(elsewhere, /from 'node:|\bprocess\.|\bBuffer\b/)).toEqual([])
  const onBoth = neutral.filter(({ path }) => !/^edge\/worker(\/|\.ts$)/.test(path))
  const ofWorkers = /from 'cloudflare:|\bDurableObject|\bWebSocketPair\b|\bHyperdrive\b/
  expect(offences(onBoth, ofWorkers)).toEqual([])
})

test('core imports nothing but itself', () => {
  const core = all.filter(({ path }) => path.startsWith('core/'))
  expect(
    offences(
      core,
      /^\s*(import|export)\b.*from '(?!\.\/|\.\.\/[a-z-]+\.ts|\.\.\/(ladder|limits|site-diff)\/)/,
    ),
  ).toEqual([])
})
