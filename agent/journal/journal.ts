// The agent's truth: every step is durable here before its effect goes out (spec architecture.md, decision 4).
// One hash chain of records; all that wait at the same time share one fdatasync.
import { join } from 'node:path'
import type { Cancel } from '../../core/ports.ts'
import { BATCH_CHARACTERS_MAX, BATCH_RECORDS_MAX } from '../../protocol/link.ts'
import { type ReplayMemory, rememberOrder } from '../../protocol/replay.ts'
import type { Body, JournalRecord } from '../../protocol/report.ts'
import { PROTOCOL_VERSION } from '../../protocol/version.ts'
import { type Disk, nodeDisk } from '../disk.ts'
import { replaceFleetingFile } from '../durable-file.ts'
import { storable } from './body.ts'
import { encodeLine, encodeRecord, type Line } from './line.ts'
import type { Unlock } from './lock.ts'
import {
  forgetBefore,
  type JournalMemory,
  nextWatermark,
  noteRecord,
  type OpenOrder,
} from './memory.ts'
import { type JournalOptions, type Kept, readJournal, rememberLine } from './opening.ts'
import type { Reserve } from './reserve.ts'
import type { Segments, Tail } from './segments.ts'
import { snapshotOf, writeSnapshot } from './snapshot.ts'

const SEGMENT_BYTES = 1_048_576
const KEPT_RECORDS = 10_000
const KEPT_MS = 30 * 86_400_000
/** Beyond so many records age no longer keeps one: growth is bounded. */
const RECORDS_MAX = 200_000
/** How often it is looked whether a full disk has room again. */
const RECLAIM_EVERY_MS = 10_000
/** A disk that lets so many records wait has failed. */
const WAITING_MAX = 50_000

/** The disk no longer keeps what it is given. */
export class JournalFailure extends Error {
  override readonly name = 'JournalFailure'
}

export interface Batch {
  records: JournalRecord[]
  /** The chain up to the last of them. */
  head: Tail
}

interface Waiting {
  lines: { canonical: string; hash: string; record: JournalRecord }[]
  resolve(records: JournalRecord[]): void
  reject(error: JournalFailure): void
}

/**
 * Opens the journal of one agent, cuts off a torn tail, and counts this start.
 *
 * @throws when another agent holds the directory, or when stored records are damaged: then nothing is changed.
 */
export async function openJournal(options: JournalOptions): Promise<Journal> {
  const { directory, disk = nodeDisk } = options
  await disk.makeDirectory(directory)
  const unlock = await disk.lock(directory)
  try {
    return new Journal(options, await readJournal(options), unlock)
  } catch (error) {
    await unlock()
    throw error
  }
}

export class Journal {
  /** Counts the starts of this agent, from 1; never the same twice. */
  readonly start: number
  /** Ids that this agent has seen, for `judgeReplay`; the journal adds what becomes durable. */
  readonly memory: ReplayMemory
  /** Resolves when the disk failed. From then on nothing is durable and nothing may be done. */
  readonly failed: Promise<JournalFailure>
  readonly #options: JournalOptions
  readonly #disk: Disk
  readonly #segments: Segments
  readonly #reserve: Reserve
  readonly #durableMemory: JournalMemory
  readonly #recent: Line[]
  readonly #unlock: Unlock
  readonly #listeners = new Set<() => void>()
  #tellFailure: (failure: JournalFailure) => void = () => {}
  #failure: JournalFailure | undefined
  #epoch: number
  #last: Tail
  #acknowledged: number
  #waiting: Waiting[] = []
  #waitingRecords = 0
  #flushing: Promise<void> | undefined
  #housekeeping: Promise<void> | undefined
  #reclaiming: Cancel | undefined

  constructor(options: JournalOptions, opened: Kept, unlock: Unlock) {
    this.#options = options
    this.#disk = options.disk ?? nodeDisk
    this.#segments = opened.segments
    this.#reserve = opened.reserve
    this.#durableMemory = opened.memory
    this.#recent = opened.recent
    this.#unlock = unlock
    this.#last = opened.last
    this.#epoch = opened.epoch
    this.#acknowledged = opened.acknowledged
    this.start = opened.start
    const { watermarkMs, seen } = opened.memory.replay
    this.memory = { watermarkMs, seen: new Map(seen) }
    this.failed = new Promise((resolve) => {
      this.#tellFailure = resolve
    })
    this.#reclaimSpace()
  }

  /** Stands in every record from now on. */
  get epoch(): number {
    return this.#epoch
  }

  enterEpoch(epoch: number): void {
    if (epoch < this.#epoch) throw new Error(`epoch ${epoch} is over, it is ${this.#epoch} already`)
    this.#epoch = epoch
  }

  /** The newest durable record; sequence 0 for none. */
  get durable(): Tail {
    return this.#segments.active.last
  }

  /** The newest sequence that the control plane has stored. */
  get acknowledged(): number {
    return this.#acknowledged
  }

  /** The disk is full but for what open ladders need: no new order may be accepted. */
  get spaceIsLow(): boolean {
    return !this.#reserve.held
  }

  /** Orders that are open or have a loose shot, with all their durable records. */
  openOrders(): OpenOrder[] {
    return [...this.#durableMemory.orders.values()]
  }

  /** Calls back whenever more has become durable. */
  onDurable(listener: () => void): Cancel {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Resolves when the records are durable, in the turn of the event loop that learns of it: what the caller
   * does next without awaiting leaves in that turn. Rejects with `JournalFailure` when the disk failed, and
   * throws nothing.
   */
  append(bodies: readonly Body[]): Promise<JournalRecord[]> {
    if (this.#failure !== undefined) return Promise.reject(this.#failure)
    if (this.#waitingRecords > WAITING_MAX) this.#fail(new Error('the disk no longer answers'))
    return new Promise((resolve, reject) => {
      if (this.#failure !== undefined) return reject(this.#failure)
      const lines = bodies.map(storable).map((body) => this.#chain(body))
      if (lines.length === 0) return resolve([])
      this.#waiting.push({ lines, resolve, reject })
      this.#waitingRecords += lines.length
      this.#flushing ??= this.#flush()
    })
  }

  #chain(body: Body) {
    const { site, agent, clock } = this.#options
    const record: JournalRecord = {
      v: PROTOCOL_VERSION,
      site,
      agent,
      start: this.start,
      epoch: this.#epoch,
      seq: this.#last.seq + 1,
      prev: this.#last.hash,
      at: clock.wall(),
      ...body,
    }
    const { canonical, hash } = encodeRecord(record)
    this.#last = { seq: record.seq, hash }
    return { canonical, hash, record }
  }

  async #flush(): Promise<void> {
    // Lets all who append in this turn share the first write.
    await Promise.resolve()
    try {
      while (this.#waiting.length > 0) {
        await this.#flushWaiting()
        if (this.#segments.active.bytes >= (this.#options.segmentBytes ?? SEGMENT_BYTES)) {
          await this.#segments.roll()
          this.#keepHouse()
        }
      }
    } catch (cause) {
      this.#fail(cause)
    } finally {
      this.#flushing = undefined
    }
  }

  async #flushWaiting(): Promise<void> {
    const batch = this.#waiting
    this.#waiting = []
    const lines = batch.flatMap(({ lines }) => lines)
    const last = lines.at(-1)
    if (last === undefined) return
    const settled = this.durable.seq
    const text = lines.map(({ canonical }) => encodeLine(canonical, settled)).join('')
    try {
      const tail = { seq: last.record.seq, hash: last.hash }
      await this.#segments.append(text, tail, last.record.at)
    } catch (cause) {
      this.#waiting = [...batch, ...this.#waiting]
      throw cause
    }
    this.#reclaimSpace()
    this.#waitingRecords -= lines.length
    for (const { canonical, hash, record } of lines) {
      rememberLine(this.#recent, { record, hash, settled, length: canonical.length })
      noteRecord(this.#durableMemory, record)
      if ('order' in record && record.order !== null) this.#copyMark(record.order)
    }
    for (const { lines, resolve } of batch) resolve(lines.map(({ record }) => record))
    for (const listener of this.#listeners) listener()
  }

  #copyMark(id: string): void {
    const issuedAtMs = this.#durableMemory.replay.seen.get(id)
    if (issuedAtMs !== undefined) rememberOrder(this.memory, { id, issuedAtMs })
  }

  #fail(cause: unknown): void {
    if (this.#failure !== undefined) return
    const said = cause instanceof Error ? cause.message : String(cause)
    const failure = new JournalFailure(`the journal failed, this agent must not act: ${said}`, {
      cause,
    })
    this.#failure = failure
    for (const { reject } of this.#waiting.splice(0)) reject(failure)
    this.#tellFailure(failure)
  }

  /** Durable records after `seq`, as many as one report may carry. Undefined when there is none. */
  async since(seq: number): Promise<Batch | undefined> {
    const batch: Line[] = []
    let characters = 0
    const more = (line: Line) => {
      characters += line.length
      if (batch.length > 0 && characters > BATCH_CHARACTERS_MAX) return false
      batch.push(line)
      return batch.length < BATCH_RECORDS_MAX
    }
    const [oldest] = this.#recent
    if (oldest !== undefined && oldest.record.seq <= seq + 1) {
      for (const line of this.#recent.slice(seq + 1 - oldest.record.seq)) if (!more(line)) break
    } else {
      await this.#segments.read(seq, more)
    }
    const last = batch.at(-1)
    if (last === undefined) return undefined
    return {
      records: batch.map(({ record }) => record),
      head: { seq: last.record.seq, hash: last.hash },
    }
  }

  /**
   * Notes what the control plane has stored; it may be less than before when that lost its database. Returns
   * false, noting nothing, when it is more than this journal holds: then the journal was rolled back.
   */
  acknowledge(seq: number): boolean {
    if (seq > this.durable.seq) return false
    if (seq === this.#acknowledged) return true
    this.#acknowledged = seq
    this.#keepHouse()
    return true
  }

  /** Stores the acknowledgement and drops what need not be kept; one run at a time, never in the way. */
  #keepHouse(): void {
    this.#housekeeping ??= this.#tidy()
      .catch((error) => this.#options.onFault?.(`journal housekeeping: ${String(error)}`))
      .finally(() => {
        this.#housekeeping = undefined
      })
  }

  async #tidy(): Promise<void> {
    const { directory } = this.#options
    for (let stored = -1; stored !== this.#acknowledged; ) {
      stored = this.#acknowledged
      const path = join(directory, 'acknowledged')
      await replaceFleetingFile(path, `${stored}\n`, this.#disk)
    }
    const upTo = this.#droppable()
    if (upTo !== undefined) await this.#drop(upTo)
    await this.#reserve.takeBack()
  }

  /** While space is low, takes the reserve back as soon as there is room. */
  #reclaimSpace(): void {
    if (!this.spaceIsLow || this.#reclaiming !== undefined || this.#failure !== undefined) return
    this.#reclaiming = this.#options.clock.after(RECLAIM_EVERY_MS, () => {
      this.#reclaiming = undefined
      this.#keepHouse()
      this.#reclaimSpace()
    })
  }

  async #drop(upTo: Tail): Promise<void> {
    const { directory } = this.#options
    forgetBefore(this.#durableMemory, nextWatermark(this.#durableMemory.replay))
    this.memory.watermarkMs = this.#durableMemory.replay.watermarkMs
    for (const id of this.memory.seen.keys()) {
      if (!this.#isRemembered(id)) this.memory.seen.delete(id)
    }
    await writeSnapshot(directory, snapshotOf(this.#durableMemory, upTo), this.#disk)
    await this.#segments.drop(upTo.seq)
  }

  /** An id that is not durable yet is newer than the watermark, or its order is refused as a replay. */
  #isRemembered(id: string): boolean {
    const issuedAtMs = this.memory.seen.get(id) ?? 0
    return this.#durableMemory.replay.seen.has(id) || issuedAtMs >= this.memory.watermarkMs
  }

  /** The end of the last segment that may go. */
  #droppable(): Tail | undefined {
    const { clock, keptRecords = KEPT_RECORDS } = this.#options
    let upTo: Tail | undefined
    for (const { last, lastAt } of this.#segments.closed) {
      const behind = this.durable.seq - last.seq
      const old = clock.wallMs() - Date.parse(lastAt) >= KEPT_MS || behind > RECORDS_MAX
      if (last.seq > this.#acknowledged || behind < keptRecords || !old) break
      upTo = last
    }
    return upTo
  }

  /** Waits for what was appended, then gives the directory free. */
  async close(): Promise<void> {
    await this.#flushing
    this.#failure ??= new JournalFailure('the journal is closed')
    this.#reclaiming?.()
    await this.#housekeeping
    await this.#segments.close()
    await this.#unlock()
  }
}
