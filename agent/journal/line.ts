// One record on disk: `CRC SETTLED JSON`. SETTLED is the newest sequence that was durable when the line was
// written; by it a start tells a torn tail, which nobody was promised, from damage to what was promised.
import { hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { canonicalJson } from '../../protocol/chain.ts'
import { type JournalRecord, recordSchema } from '../../protocol/report.ts'

export interface Line {
  record: JournalRecord
  /** In the chain: the next record's `prev`. */
  hash: string
  settled: number
  /** Characters of JSON. */
  length: number
}

export function hashOf(canonical: string): string {
  return hash('sha256', canonical, 'hex')
}

export function encodeLine(canonical: string, settled: number): string {
  const body = `${settled} ${canonical}`
  return `${checksum(body)} ${body}\n`
}

/** A record as its canonical JSON and hash. Throws on what JSON cannot say. */
export function encodeRecord(record: JournalRecord): { canonical: string; hash: string } {
  const canonical = canonicalJson(record)
  return { canonical, hash: hashOf(canonical) }
}

/** Undefined when the line is not whole. Takes it without its line feed. */
export function decodeLine(text: string): Line | undefined {
  const [, crc, body, settled, canonical] = /^([0-9a-f]{8}) ((\d{1,15}) (.*))$/s.exec(text) ?? []
  if (body === undefined || canonical === undefined || crc !== checksum(body)) return undefined
  const record = parseJson(canonical)
  if (!isRecord(record)) return undefined
  return {
    record,
    hash: hashOf(canonical),
    settled: Number(settled),
    length: canonical.length,
  }
}

const LINE_BEGIN = /[0-9a-f]{8} \d{1,15} \{/g

function checksum(text: string): string {
  return crc32(text).toString(16).padStart(8, '0')
}

/** The record stays as it was written, so that it keeps its hash. */
function isRecord(value: unknown): value is JournalRecord {
  return recordSchema.safeParse(value).success
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

export interface Scan {
  lines: Line[]
  /** Bytes of the whole lines from the start. */
  wholeBytes: number
  /** Set when the rest is neither whole nor a torn tail, so that it must not be used. */
  damage?: string
}

/**
 * Reads a segment whose first record follows `after`. A rest that is not whole is a torn tail, unless a whole
 * line behind it shows that it had been durable.
 */
export function scanSegment(bytes: Buffer, after: { seq: number; hash: string }): Scan {
  const lines: Line[] = []
  let last = after
  let start = 0
  while (start < bytes.length) {
    const end = bytes.indexOf(10, start)
    const line = end < 0 ? undefined : decodeLine(bytes.toString('utf8', start, end))
    if (line === undefined) return { lines, wholeBytes: start, ...damage(bytes, start, last.seq) }
    const { seq, prev } = line.record
    if (seq !== last.seq + 1 || prev !== last.hash) {
      const said = `record ${seq} does not follow record ${last.seq}`
      return { lines, wholeBytes: start, damage: said }
    }
    lines.push(line)
    last = { seq, hash: line.hash }
    start = end + 1
  }
  return { lines, wholeBytes: start }
}

/** A turned bit may have joined a whole line to the damaged one before it, so none need begin behind a line feed. */
function damage(bytes: Buffer, from: number, lastSeq: number): { damage?: string } {
  for (const text of bytes.toString('latin1', from).split('\n')) {
    for (const { index } of text.matchAll(LINE_BEGIN)) {
      const line = decodeLine(Buffer.from(text.slice(index), 'latin1').toString('utf8'))
      if (line === undefined || line.settled <= lastSeq) continue
      return {
        damage: `record ${lastSeq + 1} is damaged though it had been stored (byte ${from}): record ${line.record.seq} behind it is whole`,
      }
    }
  }
  return {}
}
