// Reads a journal's directory when an agent starts, and counts the start.
import { join } from 'node:path'
import type { Clock } from '../../core/ports.ts'
import { ZERO_HASH } from '../../protocol/chain.ts'
import { rememberOrder } from '../../protocol/replay.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { type Disk, nodeDisk } from '../disk.ts'
import { readText, replaceFile } from '../durable-file.ts'
import type { Line } from './line.ts'
import { emptyMemory, type JournalMemory, noteRecord } from './memory.ts'
import { Reserve } from './reserve.ts'
import { openSegments, type Segments, type Tail } from './segments.ts'
import { readSnapshot } from './snapshot.ts'

export interface JournalOptions {
  /** Its own directory, created with mode 0700. */
  directory: string
  site: string
  agent: string
  clock: Clock
  /** Every kept record by ascending sequence, while the journal opens. */
  replayed?: (record: JournalRecord) => void
  /** Housekeeping that failed and will be tried again; nothing is lost by it. */
  onFault?: (detail: string) => void
  /** Default: the machine's own. */
  disk?: Disk
  segmentBytes?: number
  reserveBytes?: number
  /** So many records are kept at least, and none goes before it is 30 days old and acknowledged. */
  keptRecords?: number
}

const RESERVE_BYTES = 8_388_608
const RECENT_MAX = 1000

/** What a directory held. */
export interface Kept {
  segments: Segments
  reserve: Reserve
  memory: JournalMemory
  recent: Line[]
  last: Tail
  epoch: number
  start: number
  acknowledged: number
}

/** @throws when stored records are damaged or missing; nothing is changed then. */
export async function readJournal(options: JournalOptions): Promise<Kept> {
  const { directory, replayed, disk = nodeDisk } = options
  const snapshot = await readSnapshot(directory, disk)
  const memory = emptyMemory()
  if (snapshot !== undefined) {
    memory.replay.watermarkMs = snapshot.watermarkMs
    for (const [id, issuedAtMs] of snapshot.seen) rememberOrder(memory.replay, { id, issuedAtMs })
    for (const record of snapshot.records) {
      noteRecord(memory, record)
      replayed?.(record)
    }
  }
  const recent: Line[] = []
  let latest = { epoch: 0, start: 0 }
  const reserve = new Reserve(directory, options.reserveBytes ?? RESERVE_BYTES, disk)
  const after = { seq: snapshot?.seq ?? 0, hash: snapshot?.hash ?? ZERO_HASH }
  const acknowledged = Math.max(await readCount(directory, 'acknowledged', disk), after.seq)
  const files = { directory, after, acknowledged, reserve, disk }
  const segments = await openSegments(files, (line) => {
    checkOwner(options, line.record)
    noteRecord(memory, line.record)
    rememberLine(recent, line)
    latest = line.record
    replayed?.(line.record)
  })
  const { last } = segments.active
  if (acknowledged > last.seq) {
    await segments.close()
    throw new Error(
      `the journal was rolled back: the control plane has stored ${acknowledged} records, ${directory} ` +
        `holds ${last.seq}. Move the directory away and enrol this agent anew`,
    )
  }
  await reserve.take()
  const start = Math.max(await readCount(directory, 'starts', disk), latest.start) + 1
  await reserve.spend(() => replaceFile(directory, 'starts', `${start}\n`, disk))
  return {
    segments,
    reserve,
    memory,
    recent,
    last,
    epoch: latest.epoch,
    start,
    acknowledged,
  }
}

/** A file that a power loss has emptied counts as 0. */
async function readCount(directory: string, name: string, disk: Disk): Promise<number> {
  const count = Number((await readText(join(directory, name), disk)) ?? 0)
  return Number.isSafeInteger(count) ? count : 0
}

function checkOwner(options: JournalOptions, { site, agent }: JournalRecord): void {
  if (site === options.site && agent === options.agent) return
  throw new Error(
    `${options.directory} holds the journal of ${agent} of site ${site}, not of ${options.agent} of ` +
      `${options.site}; choose another directory`,
  )
}

/** Keeps the newest lines at hand for reports. */
export function rememberLine(recent: Line[], line: Line): void {
  recent.push(line)
  if (recent.length > 2 * RECENT_MAX) recent.splice(0, RECENT_MAX)
}
