// What an agent's journal holds, by number: no record leaves it. The journal may be in use meanwhile, so its last
// line may be torn.
import { createReadStream } from 'node:fs'
import { readdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { boundedLines } from '../lines.ts'

const LINE_MAX = 2_097_152

export interface SegmentStatistics {
  file: string
  bytes: number
  lines: number
  /** Lines that are no record, such as a torn one at the end. */
  odd: number
  firstSeq: number | null
  lastSeq: number | null
  lastAt: string | null
}

export interface JournalStatistics {
  files: { file: string; bytes: number }[]
  segments: SegmentStatistics[]
  /** How many records of each kind. */
  kinds: Record<string, number>
}

/** Throws what the file system throws when the directory cannot be read. */
export async function journalStatistics(directory: string): Promise<JournalStatistics> {
  const names = (await readdir(directory)).sort()
  const statistics: JournalStatistics = { files: [], segments: [], kinds: {} }
  for (const file of names) {
    const path = join(directory, file)
    // A segment may be dropped while it is looked at.
    const about = await stat(path).catch(() => undefined)
    if (!about?.isFile()) continue
    if (/^records-\d{15}$/.test(file)) {
      statistics.segments.push(await ofSegment(path, file, about.size, statistics.kinds))
    } else {
      statistics.files.push({ file, bytes: about.size })
    }
  }
  return statistics
}

async function ofSegment(
  path: string,
  file: string,
  bytes: number,
  kinds: Record<string, number>,
): Promise<SegmentStatistics> {
  const segment: SegmentStatistics = {
    file,
    bytes,
    lines: 0,
    odd: 0,
    firstSeq: null,
    lastSeq: null,
    lastAt: null,
  }
  for await (const line of boundedLines(createReadStream(path), LINE_MAX)) {
    segment.lines += 1
    const record = recordOf(line)
    if (record === undefined) {
      segment.odd += 1
      continue
    }
    segment.firstSeq ??= record.seq
    segment.lastSeq = record.seq
    segment.lastAt = record.at
    kinds[record.kind] = (kinds[record.kind] ?? 0) + 1
  }
  return segment
}

/** A line is a checksum, a number and the record as JSON. */
function recordOf(line: string): { seq: number; at: string; kind: string } | undefined {
  try {
    const record: unknown = JSON.parse(line.slice(line.indexOf('{')))
    if (typeof record !== 'object' || record === null) return undefined
    const { seq, at, kind } = record as Record<string, unknown>
    const isWhole =
      typeof seq === 'number' &&
      typeof at === 'string' &&
      typeof kind === 'string' &&
      /^[a-z-]{1,40}$/.test(kind)
    return isWhole ? { seq, at: at.slice(0, 40), kind } : undefined
  } catch {
    return undefined
  }
}
