// A ladder's journal cut off at any byte, or with any bit of it turned: an agent goes on with the longest whole
// beginning, or refuses to start where something that had been promised is damaged.
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openJournal } from '../../agent/journal/journal.ts'
import { scanSegment } from '../../agent/journal/line.ts'
import { type HistoryEntry, resume } from '../../core/ladder/resume.ts'
import { ZERO_HASH } from '../../protocol/chain.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { drive, MINDS } from './drive.ts'
import { AGENT, SITE } from './hub-stand-in.ts'
import { KINDS } from './kinds.ts'
import { FIRST_SEGMENT, play } from './play.ts'
import { announce, chance, FULL } from './seed.ts'

/** The kind with the most rungs: interrupt, hard reset, feeds off, feeds on. */
const KIND = 'BMC silent, feeds off and on'
/** In a slice, every so many bytes. */
const STRIDE = FULL ? 1 : 17
const LONG_MS = 600_000

interface Line {
  record: JournalRecord
  /** Of its first byte, and of the first one behind its line feed. */
  from: number
  to: number
  settled: number
}

// Every position costs a few syncs, which need no disk here.
const directory = mkdtempSync(
  join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'palisade-torn-'),
)
const path = join(directory, FIRST_SEGMENT)
const next = chance('torn journal')
let whole: Buffer
let lines: Line[]

announce('journals cut and damaged')

beforeAll(async () => {
  const kind = KINDS.find(({ name }) => name === KIND)
  if (!kind) throw new Error(`no kind of ladder is named ${KIND}`)
  whole = (await play(kind, [])).segment
  lines = linesOf(whole)
}, LONG_MS)

afterAll(() => rmSync(directory, { recursive: true, force: true }))

function linesOf(bytes: Buffer): Line[] {
  let from = 0
  return scanSegment(bytes, { seq: 0, hash: ZERO_HASH }).lines.map(({ record, settled }) => {
    const to = bytes.indexOf(10, from) + 1
    const line = { record, from, to, settled }
    from = to
    return line
  })
}

/** Opens what is on disk; the records that it goes on with, or why it refuses. */
async function start(bytes: Buffer): Promise<{ records: JournalRecord[] } | { refused: string }> {
  writeFileSync(path, bytes)
  const records: JournalRecord[] = []
  try {
    const journal = await openJournal({
      directory,
      site: SITE,
      agent: AGENT,
      clock: nodeClock,
      reserveBytes: 0,
      replayed: (record) => records.push(record),
    })
    await journal.close()
    return { records }
  } catch (error) {
    return { refused: error instanceof Error ? error.message : String(error) }
  }
}

const wholeBefore = (at: number) => lines.filter(({ to }) => to <= at)

test('the journal of a whole ladder is there to be damaged', () => {
  const intents = lines.flatMap(({ record }) =>
    record.kind === 'intent' ? [record.shot.rung] : [],
  )
  expect(intents).toEqual(['soft', 'hard', 'pdu', 'pdu', 'on', 'on'])
  expect(lines.at(-1)?.to).toBe(whole.length)
})

test(
  'cut at any byte, it opens with the longest whole beginning and nothing else',
  async () => {
    const edges = lines.flatMap(({ to }) => [to - 1, to, to + 1])
    const cuts = new Set(edges.filter((cut) => cut <= whole.length))
    for (let cut = next(STRIDE); cut <= whole.length; cut += STRIDE) cuts.add(cut)
    const faults: string[] = []
    for (const cut of cuts) {
      const opened = await start(whole.subarray(0, cut))
      const expected = wholeBefore(cut)
      const left = readFileSync(path).length
      if ('refused' in opened) faults.push(`cut at ${cut}: ${opened.refused}`)
      else if (!sameRecords(opened.records, expected) || left !== (expected.at(-1)?.to ?? 0)) {
        faults.push(`cut at ${cut}: ${opened.records.length} records, ${left} bytes`)
      }
    }
    console.log(`[crash] torn journals: ${cuts.size} cuts of ${whole.length} bytes`)
    expect(faults).toEqual([])
  },
  LONG_MS,
)

test('cut below what the control plane has stored, it refuses and says why', async () => {
  const stored = Math.floor(lines.length / 2)
  writeFileSync(join(directory, 'acknowledged'), `${stored}\n`)
  const line = lines[stored - 1]
  if (!line) throw new Error('no such line')
  for (const cut of [line.from, line.from + 5, line.to - 1]) {
    const opened = await start(whole.subarray(0, cut))
    expect('refused' in opened ? opened.refused : opened).toMatch(
      /was rolled back: the control plane has stored|is torn though the control plane has stored it/,
    )
    expect(readFileSync(path).length, 'nothing was changed').toBe(cut)
  }
  expect(await start(whole.subarray(0, line.to))).toEqual({
    records: lines.slice(0, stored).map(({ record }) => record),
  })
  rmSync(join(directory, 'acknowledged'))
})

test(
  'with any bit turned in what was durable, it refuses and changes nothing',
  async () => {
    const settled = lines.at(-1)?.settled ?? 0
    const end = lines.findLast(({ record }) => record.seq <= settled)?.to ?? 0
    const faults: string[] = []
    // A line feed joins two lines when it is damaged.
    const places = new Set(lines.map(({ to }) => to - 1).filter((at) => at < end))
    for (let at = next(STRIDE); at < end; at += STRIDE) places.add(at)
    for (const at of places) {
      const damaged = withBitTurned(at)
      const opened = await start(damaged)
      const refused = 'refused' in opened && opened.refused.startsWith('the journal is damaged: ')
      if (!refused || !readFileSync(path).equals(damaged)) {
        faults.push(`byte ${at}: ${JSON.stringify(opened).slice(0, 200)}`)
      }
    }
    console.log(`[crash] damaged journals: ${places.size} bits of ${end} durable bytes`)
    expect(faults).toEqual([])
  },
  LONG_MS,
)

test('with any bit turned in its last write, it takes that for torn and never for true', async () => {
  const settled = lines.at(-1)?.settled ?? 0
  const from = lines.find(({ record }) => record.seq > settled)?.from ?? 0
  const faults: string[] = []
  for (let at = from; at < whole.length; at += Math.min(STRIDE, 5)) {
    const opened = await start(withBitTurned(at))
    const expected = wholeBefore(at)
    if ('refused' in opened || !sameRecords(opened.records, expected)) faults.push(`byte ${at}`)
  }
  expect(faults).toEqual([])
})

function withBitTurned(at: number): Buffer {
  const damaged = Buffer.from(whole)
  damaged.writeUInt8(damaged.readUInt8(at) ^ (1 << next(8)), at)
  return damaged
}

function sameRecords(records: readonly JournalRecord[], expected: readonly Line[]): boolean {
  const text = (of: readonly JournalRecord[]) => JSON.stringify(of)
  return text(records) === text(expected.map(({ record }) => record))
}

describe.each([
  ['the same boot', false],
  ['another boot', true],
])('taken up on %s after any record', (_, rebooted) => {
  test.each(MINDS)('no shot that was intended is repeated where devices are %s', (mind) => {
    const faults: string[] = []
    let taken = 0
    for (let count = 1; count <= lines.length; count += 1) {
      const kept = lines.slice(0, count).map(({ record }) => record)
      const history = historyOf(kept)
      const at = 100 + Math.max(...kept.map((record) => ('mono' in record ? record.mono.ms : 0)))
      const bootId = rebooted ? 'boot-2' : 'boot-1'
      const moment = { ms: at, wall: nodeClock.wall() }
      const resumed = resume(history, bootId, moment)
      if (!resumed) continue
      taken += 1
      const intended = new Set(
        history.flatMap((entry) => (entry.kind === 'intent' ? [shotName(entry.shot)] : [])),
      )
      const blind = resumed[1].flatMap((action) => (action.type === 'fire' ? [action.shot] : []))
      const driven = drive(resumed, at, mind)
      const unseen = driven.fired.filter(({ action }) => action === 'nmi' || action === 'reset')
      const repeated = [...blind, ...unseen].map(shotName).filter((name) => intended.has(name))
      if (repeated.length > 0) faults.push(`after ${count} records: ${repeated.join(', ')} again`)
      if (!driven.ended) faults.push(`after ${count} records: it never ended`)
      const concluded = history.some(({ kind }) => kind === 'concluded')
      if (driven.conclusions !== (concluded ? 0 : 1)) {
        faults.push(`after ${count} records: ${driven.conclusions} conclusions`)
      }
    }
    expect(taken).toBeGreaterThan(5)
    expect(faults).toEqual([])
  })
})

function shotName({ device, action }: Extract<HistoryEntry, { kind: 'intent' }>['shot']): string {
  return device.kind === 'bmc' ? `bmc ${action}` : `${device.pdu}/${device.outlet} ${action}`
}

const HISTORY = ['accepted', 'intent', 'answer', 'noticed', 'concluded', 'recovery', 'ended']

function historyOf(records: readonly JournalRecord[]): HistoryEntry[] {
  return records.filter((record): record is Extract<JournalRecord, HistoryEntry> =>
    HISTORY.includes(record.kind),
  )
}
