// net-snmp, made safe for effects. On its own it sends a SET a second time when an SNMPv3 report comes
// back, and takes an SNMPv3 answer without signature for a signed one; both end here.

import type { DatagramSocket, SessionOptions, User } from 'net-snmp'
import { Authentication, type Message, ObjectType, PduType, type Req, Session } from 'net-snmp'

/** The library was about to send an effect that nobody fired, or to go on with one question for ever. */
class NotAgain extends Error {}
/** An answer that does not prove its sender. */
class Untrusted extends Error {}

/** A SET has a level as its effect and a late answer changes nothing, so this is only when to give up. */
const EFFECT_TIMEOUT_MS = 10_000
/** Discovery, the question itself, and one more after a clock report; each is resent by its own timer. */
const DATAGRAMS_PER_QUESTION = 4
const AUTH_AND_PRIV = 3
/** Far above two keys for each PDU of a site; a device that invents engines must not fill the memory. */
const KEYS_MAX = 1_024

export type WireOptions = Pick<SessionOptions, 'version' | 'port' | 'transport'> & {
  address: string
  authenticator: string | User
  socket: DatagramSocket
  /** Time between the resends of a question, ms. */
  resendMs: number
}

export class Wire extends Session {
  #firing = false
  #questions = new WeakMap<object, { last: Req; sent: number }>()

  constructor(options: WireOptions) {
    super(options.address, options.authenticator, {
      version: options.version,
      port: options.port,
      transport: options.transport,
      retries: 0,
      timeout: options.resendMs,
      reportOidMismatchErrors: true,
      dgramModule: { createSocket: () => options.socket },
    })
    this.on('error', () => {})
    const deliver = super.onSimpleGetResponse
    // The library calls this as a method of the request, not of the session.
    this.onSimpleGetResponse = (req, message) => {
      if (provesSender(req, message)) deliver.call(this, req, message)
      else req.responseCb(new Untrusted('the answer is not signed by the device'))
    }
  }

  /**
   * Sends one SET, in this turn. Returns false when the library did not send it; then it never will.
   * `answered` is called once, perhaps before this returns.
   */
  fire(oid: string, value: number, answered: (error: Error | null) => void): boolean {
    let open = true
    this.#firing = true
    this.set([{ oid, type: ObjectType.Integer, value }], (error) => {
      if (open) answered(error)
      open = false
    })
    const sent = !this.#firing
    this.#firing = false
    return sent
  }

  /** Every datagram that net-snmp sends, resends included, passes here. */
  override send(req: Req, noWait?: boolean): this {
    const question = req.originalPdu ?? req.message.pdu
    const isEffect = req.message.pdu.type === PduType.SetRequest
    const known = this.#questions.get(question)
    const count = { last: req, sent: (known?.sent ?? 0) + (known?.last === req ? 0 : 1) }
    this.#questions.set(question, count)
    if (isEffect ? !this.#firing || known !== undefined : count.sent > DATAGRAMS_PER_QUESTION) {
      req.responseCb(new NotAgain('not sent again'))
      return this
    }
    if (isEffect) {
      this.#firing = false
      req.retries = 0
      req.timeout = EFFECT_TIMEOUT_MS
    }
    if (Object.keys(Authentication.authToKeyCache).length > KEYS_MAX) {
      Authentication.authToKeyCache = {}
    }
    return super.send(req, noWait)
  }

  /** A datagram that breaks the library must not end the process. */
  override onMsg(buffer: Buffer): void {
    try {
      super.onMsg(buffer)
    } catch {
      // Whatever was asked stays unanswered: silence, never a value.
    }
  }
}

/** In SNMPv3 an answer must be signed and sealed as the question was, by the engine that was asked. */
function provesSender(req: Req, message: Message): boolean {
  const asked = req.message
  if (!asked.msgGlobalData) return true
  const want = asked.msgGlobalData.msgFlags & AUTH_AND_PRIV
  const got = message.msgGlobalData?.msgFlags ?? 0
  const engine = message.msgSecurityParameters?.msgAuthoritativeEngineID
  const askedEngine = asked.msgSecurityParameters?.msgAuthoritativeEngineID
  return (
    (got & want) === want &&
    message.pdu.id === asked.pdu.id &&
    engine !== undefined &&
    askedEngine !== undefined &&
    engine.equals(askedEngine)
  )
}
