// Reads the event log entry by entry in the kept session: questions only, one outstanding at a time, so that
// an effect never waits behind more than one of them.
import type { Cancel, Clock } from '../../../core/ports.ts'
import type { LogFrom, LogLook } from '../../../core/supply-log.ts'
import type { Command } from './command.ts'
import { COMPLETED, describeCompletionCode, isPassing } from './completion-code.ts'
import { FIRST_RECORD, getSelEntry, LAST_RECORD, type SelEntry } from './get-sel-entry.ts'
import { getSelInfo } from './get-sel-information.ts'
import { getSelTime } from './get-sel-time.ts'
import type { SessionKeeper } from './session-keeper.ts'
import { supplyEventOf } from './supply-record.ts'

const RESEND_MS = 500
/** Larger than any log: one that goes on behind it runs in circles. */
const ENTRIES_MAX = 16_384
const ABSENT = 0xcb

type Told<Reply> = { reply: Reply } | { code: number; detail: string }
type LogRead = Pick<LogLook, 'read' | 'detail'>

export class EventLogReader {
  readonly #keeper: SessionKeeper
  readonly #clock: Clock
  readonly #waiting = new Set<() => void>()
  #closed = false

  constructor(keeper: SessionKeeper, clock: Clock) {
    this.#keeper = keeper
    this.#clock = clock
  }

  async read(from: LogFrom, timeoutMs: number): Promise<LogRead> {
    const until = this.#clock.now() + timeoutMs
    const told = await this.#ask(getSelInfo, undefined, until)
    if (!('reply' in told)) return unread(told.detail)
    const { entries } = told.reply
    const position = await this.#position(from, entries, until)
    if ('detail' in position) return unread(position.detail)
    const entriesRead = await this.#follow(position.next, until)
    if (!Array.isArray(entriesRead)) return unread(entriesRead.detail)
    const time = await this.#ask(getSelTime, undefined, until)
    const end = entriesRead.at(-1)?.record ?? position.end
    return {
      read: {
        events: entriesRead.flatMap((entry) => supplyEventOf(entry) ?? []),
        end,
        ...('reply' in time ? { clock: { bmcS: time.reply, wallMs: this.#clock.wallMs() } } : {}),
      },
      detail: '',
    }
  }

  close(): void {
    this.#closed = true
    for (const stop of this.#waiting) stop()
  }

  /** Which record to read first, `LAST_RECORD` for none, and where the log ends when there is none. */
  async #position(
    from: LogFrom,
    entries: number,
    until: number,
  ): Promise<{ next: number; end: number } | { detail: string }> {
    if (entries === 0) return { next: LAST_RECORD, end: 0 }
    const whole = { next: FIRST_RECORD, end: 0 }
    if (from === 'all') return whole
    const known = from === 'end' ? LAST_RECORD : from.after
    if (known === 0) return whole
    const told = await this.#ask(getSelEntry, known, until)
    if ('reply' in told) {
      const { record, next } = told.reply
      return from === 'end' ? { next: LAST_RECORD, end: record } : { next, end: record }
    }
    // The record that was the last is gone: the log was erased, and everything in it is new.
    return told.code === ABSENT && from !== 'end' ? whole : { detail: told.detail }
  }

  async #follow(first: number, until: number): Promise<SelEntry[] | { detail: string }> {
    const entries: SelEntry[] = []
    for (let next = first; next !== LAST_RECORD; ) {
      if (entries.length >= ENTRIES_MAX) return { detail: 'the log has no end' }
      const told = await this.#ask(getSelEntry, next, until)
      if (!('reply' in told)) {
        if (told.code === ABSENT && next === FIRST_RECORD) return entries
        return { detail: told.detail }
      }
      entries.push(told.reply)
      next = told.reply.next
    }
    return entries
  }

  /** Asks, again and again until the time is over; code -1 when there was no answer. */
  #ask<Request, Reply>(
    command: Command<Request, Reply>,
    request: Request,
    until: number,
  ): Promise<Told<Reply>> {
    return new Promise((resolve) => {
      let cancel: Cancel = () => {}
      const end = (told: Told<Reply>) => {
        cancel()
        this.#waiting.delete(stop)
        resolve(told)
      }
      const stop = () => end({ code: -1, detail: 'closed' })
      const ask = () => {
        const leftMs = until - this.#clock.now()
        if (this.#closed || leftMs <= 0) {
          const { state, detail } = this.#keeper.link
          const why = state === 'up' ? 'no answer in time' : `link ${state}: ${detail}`
          return end({ code: -1, detail: `${command.name}: ${why}` })
        }
        this.#send(command, request, (told) => {
          if ('reply' in told || !isPassing(told.code)) end(told)
        })
        cancel = this.#clock.after(Math.min(RESEND_MS, leftMs), ask)
      }
      this.#waiting.add(stop)
      ask()
    })
  }

  #send<Request, Reply>(
    command: Command<Request, Reply>,
    request: Request,
    told: (told: Told<Reply>) => void,
  ): void {
    const question = this.#keeper.warm?.session.compose(command, request, {
      purpose: 'question',
      askedAt: this.#clock.now(),
      answered: ({ completionCode: code, body }) => {
        const reply = code === COMPLETED ? command.decode(body) : undefined
        const why = code === COMPLETED ? 'malformed answer' : describeCompletionCode(code)
        told(reply === undefined ? { code, detail: `${command.name}: ${why}` } : { reply })
      },
    })
    if (question) this.#keeper.send(question.datagram)
  }
}

function unread(detail: string): LogRead {
  return { read: undefined, detail }
}
