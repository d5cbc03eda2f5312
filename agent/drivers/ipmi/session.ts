// An open RMCP+ session: packs commands, and matches answers to what was asked. It owns no socket and no
// timer (spec protocols.md §1.5).
import type { Random } from '../../../core/ports.ts'
import type { Command } from './command.ts'
import { decodeResponse, encodeRequest } from './message.ts'
import { IV_BYTES, openPacket, sealPacket } from './packet.ts'
import type { SessionKeys } from './rakp.ts'
import type { Packet } from './rmcp.ts'
import { SequenceWindow } from './sequence-window.ts'

const RQ_SEQS = 64
/** Numbers that questions never take, so that an effect always finds one. */
const KEPT_FOR_EFFECTS = 16
/**
 * An unanswered question keeps its number this long. Were it reused earlier, a late answer could pass for
 * the answer to a younger question and settle effects that the BMC has not come to yet.
 */
const QUESTION_HELD_MS = 60_000

export interface Reply {
  completionCode: number
  body: Uint8Array
}

export interface Ask {
  /** A question may be asked again; an effect holds its number until it is answered. */
  purpose: 'question' | 'effect'
  /** Monotonic ms, taken before the datagram is sent. */
  askedAt: number
  answered(reply: Reply): void
  /** No answer can come any more: the session is given up. */
  lost?(detail: string): void
}

export interface Composed {
  datagram: Uint8Array
  /** Forgets the request: its datagram never left. */
  withdraw(): void
}

interface Outstanding extends Ask {
  netFn: number
  code: number
}

export interface SessionOptions {
  consoleId: number
  bmcId: number
  keys: SessionKeys
  random: Random
  /** Monotonic ms at which the BMC proved that it has our key. */
  openedAt: number
  /** Called for every authenticated answer, after its own `answered`. */
  heard(askedAt: number): void
}

export class Session {
  readonly consoleId: number
  readonly bmcId: number
  readonly openedAt: number
  readonly #keys: SessionKeys
  readonly #random: Random
  readonly #heard: (askedAt: number) => void
  readonly #outstanding = new Map<number, Outstanding>()
  readonly #inbound = new SequenceWindow()
  #sequence = 0
  #rqSeq = 0

  constructor(options: SessionOptions) {
    this.consoleId = options.consoleId
    this.bmcId = options.bmcId
    this.openedAt = options.openedAt
    this.#keys = options.keys
    this.#random = options.random
    this.#heard = options.heard
  }

  /** Effects that were sent and have no answer yet. */
  get pendingEffects(): number {
    let count = 0
    for (const ask of this.#outstanding.values()) if (ask.purpose === 'effect') count++
    return count
  }

  /** Packs one request. Undefined when no message number is free: the session has to be renewed. */
  compose<Request>(
    command: Command<Request, unknown>,
    request: Request,
    ask: Ask,
  ): Composed | undefined {
    const rqSeq = this.#takeRqSeq(ask)
    if (rqSeq === undefined) return undefined
    const { netFn, code } = command
    const datagram = sealPacket(this.#keys, {
      sessionId: this.bmcId,
      sequence: this.#nextSequence(),
      iv: this.#random.bytes(IV_BYTES),
      message: encodeRequest({ netFn, code, rqSeq, body: command.encode(request) }),
    })
    const outstanding = { ...ask, netFn, code }
    this.#outstanding.set(rqSeq, outstanding)
    const withdraw = () => {
      if (this.#outstanding.get(rqSeq) === outstanding) this.#outstanding.delete(rqSeq)
    }
    return { datagram, withdraw }
  }

  /**
   * Takes a packet that bears our session id. Returns true when it is an authentic answer to something
   * asked here; anything else is dropped without a trace.
   */
  receive(packet: Packet): boolean {
    if (packet.sessionId !== this.consoleId) return false
    const message = openPacket(this.#keys, packet)
    if (!message || !this.#inbound.accept(packet.sequence)) return false
    const response = decodeResponse(message)
    if (!response) return false
    const ask = this.#outstanding.get(response.rqSeq)
    if (!ask || ask.netFn + 1 !== response.netFn || ask.code !== response.code) return false
    this.#outstanding.delete(response.rqSeq)
    const { completionCode, body } = response
    ask.answered({ completionCode, body })
    this.#heard(ask.askedAt)
    return true
  }

  /** Gives the session up: every request that is still unanswered is lost. */
  abandon(detail: string): void {
    const asks = [...this.#outstanding.values()]
    this.#outstanding.clear()
    for (const ask of asks) ask.lost?.(detail)
  }

  #takeRqSeq({ purpose, askedAt }: Ask): number | undefined {
    const forgotten = askedAt - QUESTION_HELD_MS
    for (const [rqSeq, ask] of this.#outstanding) {
      if (ask.purpose === 'question' && ask.askedAt < forgotten) this.#outstanding.delete(rqSeq)
    }
    const free = RQ_SEQS - this.#outstanding.size
    if (free <= (purpose === 'effect' ? 0 : KEPT_FOR_EFFECTS)) return undefined
    do this.#rqSeq = (this.#rqSeq + 1) % RQ_SEQS
    while (this.#outstanding.has(this.#rqSeq))
    return this.#rqSeq
  }

  #nextSequence(): number {
    this.#sequence = this.#sequence === 0xffff_ffff ? 1 : this.#sequence + 1
    return this.#sequence
  }
}
