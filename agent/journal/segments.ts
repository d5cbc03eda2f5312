// The files of a journal: append-only segments, each named by its first sequence. Only the last one grows, and
// only its tail can be torn.
import { join } from 'node:path'
import type { Disk } from '../disk.ts'
import { writeAll } from '../durable-file.ts'
import { decodeLine, type Line, scanSegment } from './line.ts'
import type { Reserve } from './reserve.ts'

/** What a segment needs of its file. Tests let a disk fail here. */
export interface DiskFile {
  write(
    bytes: Uint8Array,
    offset: number,
    length: number,
    position: number,
  ): Promise<{ bytesWritten: number }>
  truncate(length: number): Promise<void>
  datasync(): Promise<void>
  close(): Promise<void>
}
export type OpenFile = (path: string, flags: string, mode: number) => Promise<DiskFile>

/** The end of a chain so far. */
export interface Tail {
  seq: number
  hash: string
}

export interface Segment {
  path: string
  firstSeq: number
  last: Tail
  /** Wall clock of the last record, RFC 3339; empty for none. */
  lastAt: string
  bytes: number
}

export class Segments {
  readonly #directory: string
  readonly #reserve: Reserve
  readonly #disk: Disk
  readonly #kept: Segment[]
  #active: Segment
  #file: DiskFile

  constructor(
    directory: string,
    reserve: Reserve,
    disk: Disk,
    opened: { kept: Segment[]; active: Segment; file: DiskFile },
  ) {
    this.#directory = directory
    this.#reserve = reserve
    this.#disk = disk
    this.#kept = opened.kept
    this.#active = opened.active
    this.#file = opened.file
  }

  /** Complete segments, oldest first; all but the growing one. */
  get closed(): readonly Segment[] {
    return this.#kept
  }

  get active(): Readonly<Segment> {
    return this.#active
  }

  /** Writes and makes durable. A full disk is met by the reserve, once; any other failure is final. */
  async append(text: string, last: Tail, lastAt: string): Promise<void> {
    const bytes = Buffer.from(text)
    await this.#reserve.spend(() => writeAll(this.#file, bytes, this.#active.bytes))
    await this.#file.datasync()
    this.#active.bytes += bytes.length
    this.#active.last = last
    this.#active.lastAt = lastAt
  }

  /** Begins the next segment. */
  async roll(): Promise<void> {
    const last = this.#active.last
    const { file, segment } = await this.#reserve.spend(() =>
      createSegment(this.#directory, last, this.#disk),
    )
    const before = this.#file
    this.#kept.push(this.#active)
    this.#active = segment
    this.#file = file
    await before.close()
  }

  /** Removes closed segments up to and including this sequence. */
  async drop(upToSeq: number): Promise<void> {
    while (this.#kept[0] !== undefined && this.#kept[0].last.seq <= upToSeq) {
      await this.#disk.remove(this.#kept[0].path)
      this.#kept.shift()
    }
    await this.#disk.syncDirectory(this.#directory)
  }

  /** Durable lines after `seq`, oldest first, for as long as `more` wants them. */
  async read(seq: number, more: (line: Line) => boolean): Promise<void> {
    for (const segment of [...this.#kept, this.#active]) {
      if (segment.last.seq <= seq) continue
      const { bytes, firstSeq, last } = segment
      const content = (await this.#disk.read(segment.path)).subarray(0, bytes)
      let start = 0
      for (let at = firstSeq; at <= last.seq; at += 1) {
        const end = content.indexOf(10, start)
        if (at > seq) {
          const line = end < 0 ? undefined : decodeLine(content.toString('utf8', start, end))
          if (line === undefined) throw new Error(`${segment.path}: record ${at} is damaged`)
          if (!more(line)) return
        }
        start = end + 1
      }
    }
  }

  close(): Promise<void> {
    return this.#file.close()
  }
}

export interface SegmentFiles {
  directory: string
  /** What the snapshot stands for: the first segment follows it. */
  after: Tail
  /** The newest sequence that the control plane has stored, as far as this disk knows. */
  acknowledged: number
  reserve: Reserve
  disk: Disk
}

/**
 * Reads all segments, gives every record to `visit`, and cuts a torn tail off. Throws when anything that had
 * been stored is damaged or missing.
 */
export async function openSegments(
  { directory, after, acknowledged, reserve, disk }: SegmentFiles,
  visit: (line: Line) => void,
): Promise<Segments> {
  const names = await listSegments(directory, disk)
  const kept: Segment[] = []
  let last = after
  for (const [index, { path, firstSeq }] of names.entries()) {
    if (firstSeq <= after.seq) {
      // Its removal was cut short; the snapshot stands for it.
      await disk.remove(path)
      continue
    }
    if (firstSeq !== last.seq + 1) {
      throw damaged(directory, `records ${last.seq + 1} to ${firstSeq - 1} are missing`)
    }
    const bytes = await disk.read(path)
    const scan = scanSegment(bytes, last)
    if (scan.damage !== undefined) throw damaged(path, scan.damage)
    const torn = scan.wholeBytes < bytes.length
    if (torn && index < names.length - 1) throw damaged(path, 'it ends within a record')
    const end = scan.lines.at(-1)
    if (end !== undefined) last = { seq: end.record.seq, hash: end.hash }
    if (torn && last.seq < acknowledged) {
      throw damaged(path, `record ${last.seq + 1} is torn though the control plane has stored it`)
    }
    if (torn) await truncate(path, scan.wholeBytes, disk)
    const lastAt = end?.record.at ?? ''
    kept.push({ path, firstSeq, last, lastAt, bytes: scan.wholeBytes })
    for (const line of scan.lines) visit(line)
  }
  const active = kept.pop()
  if (active === undefined) {
    const { file, segment } = await createSegment(directory, last, disk)
    return new Segments(directory, reserve, disk, { kept, active: segment, file })
  }
  const file = await disk.open(active.path, 'r+', 0o600)
  return new Segments(directory, reserve, disk, { kept, active, file })
}

async function createSegment(directory: string, after: Tail, disk: Disk) {
  const firstSeq = after.seq + 1
  const path = join(directory, `records-${String(firstSeq).padStart(15, '0')}`)
  const file = await disk.open(path, 'w', 0o600)
  await disk.syncDirectory(directory)
  return { file, segment: { path, firstSeq, last: after, lastAt: '', bytes: 0 } }
}

async function listSegments(
  directory: string,
  disk: Disk,
): Promise<{ path: string; firstSeq: number }[]> {
  const names = (await disk.list(directory)).filter((name) => /^records-\d{15}$/.test(name)).sort()
  return names.map((name) => ({ path: join(directory, name), firstSeq: Number(name.slice(8)) }))
}

async function truncate(path: string, length: number, disk: Disk): Promise<void> {
  const file = await disk.open(path, 'r+', 0o600)
  try {
    await file.truncate(length)
    await file.datasync()
  } finally {
    await file.close()
  }
}

function damaged(path: string, said: string): Error {
  return new Error(
    `the journal is damaged: ${path}: ${said}. Nothing was changed. Restore the directory from its disk's ` +
      'backup, or move it away and enrol this agent anew',
  )
}
