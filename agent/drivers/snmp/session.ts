// One SNMP association with one device: questions that may be resent, effects that may not.

import { isIPv6 } from 'node:net'
import {
  AuthProtocols,
  isVarbindError,
  ObjectType,
  PrivProtocols,
  RequestFailedError,
  ResponseInvalidCode,
  ResponseInvalidError,
  SecurityLevel,
  type User,
  type Varbind,
  Version1,
  Version2c,
  Version3,
} from 'net-snmp'
import type { Clock } from '../../../core/ports.ts'
import type { SnmpSettings } from '../../../core/site.ts'
import type { Answer } from '../driver.ts'
import { NotSent, openSocket } from './connected-socket.ts'
import { Wire } from './wire.ts'

type V3Settings = Extract<SnmpSettings, { version: '3' }>
type Opened<Part> = Omit<Part, 'password'> & { password: string }

/** `SnmpSettings` with its secrets opened. */
export type SnmpAccess =
  | { version: '1' | '2c'; community: string }
  | {
      version: '3'
      user: string
      level: V3Settings['level']
      auth?: Opened<NonNullable<V3Settings['auth']>>
      priv?: Opened<NonNullable<V3Settings['priv']>>
    }

/** One varbind: undefined where the device has no such instance or tells another type. */
export type Value = number | string | undefined

export type Got = { kind: 'values'; values: Value[] } | NotGot
/** The instance that comes after the one asked for. */
export type Next = { kind: 'next'; oid: string } | NotGot

type NotGot =
  /** An SNMP error-status for the request as a whole. */
  | { kind: 'error'; status: string }
  /** The device refused our SNMPv3 user: asking again cannot help. */
  | { kind: 'denied'; detail: string }
  | { kind: 'silent'; detail: string }

type Answered = (error: Error | null, varbinds?: Varbind[]) => void

/** Long enough that a slow device is not asked twice the same, short enough for a lost datagram. */
const RESEND_MS = 1_000
/** Pause after a question that did not even leave, or came back with nothing of use. */
const AGAIN_PAUSE_MS = 250
const TEXT_LENGTH_MAX = 128

const STATUS_NAMES: Record<number, string> = {
  1: 'tooBig',
  2: 'noSuchName',
  3: 'badValue',
  4: 'readOnly',
  5: 'genErr',
  6: 'noAccess',
  7: 'wrongType',
  8: 'wrongLength',
  9: 'wrongEncoding',
  10: 'wrongValue',
  11: 'noCreation',
  12: 'inconsistentValue',
  13: 'resourceUnavailable',
  14: 'commitFailed',
  15: 'undoFailed',
  16: 'authorizationError',
  17: 'notWritable',
  18: 'inconsistentName',
}
/** After these the device may have acted all the same. */
const MAY_HAVE_ACTED = ['genErr', 'commitFailed', 'undoFailed']

/** The library's words for the usmStats reports that another try cannot cure. */
const DENIALS = [
  'Unsupported Security Level',
  'Unknown User Name',
  'Wrong Digest (incorrect password, community or key)',
  'Decryption Error',
]

export class SnmpSession {
  /** Resolves false when the socket cannot be opened at all. */
  readonly opened: Promise<boolean>
  readonly closed: Promise<void>
  #wire: Wire
  #clock: Clock
  #effects = 0
  #retired = false
  #alive = true

  constructor(address: string, port: number, access: SnmpAccess, clock: Clock) {
    const transport = isIPv6(address) ? 'udp6' : 'udp4'
    const { socket, opened, closed } = openSocket(address, port, transport)
    this.opened = opened
    this.closed = closed
    this.#clock = clock
    const version =
      access.version === '3' ? Version3 : access.version === '2c' ? Version2c : Version1
    this.#wire = new Wire({
      address,
      port,
      transport,
      version,
      authenticator: access.version === '3' ? usmUser(access) : access.community,
      socket,
      resendMs: RESEND_MS,
    })
  }

  /** The SNMPv3 engine has told its name, which it does without any secret. */
  get discovered(): boolean {
    return this.#wire.msgSecurityParameters !== undefined
  }

  /** Asks until there is an answer or `timeoutMs` is over. Never rejects. */
  get(oids: readonly string[], timeoutMs: number): Promise<Got> {
    return this.#ask<Got>(
      timeoutMs,
      (answered) => this.#wire.get([...oids], answered),
      (varbinds) => judgeVarbinds(oids, varbinds),
    )
  }

  /** As `get`, for the instance after this one; the end of the device's tree is an error. */
  next(oid: string, timeoutMs: number): Promise<Next> {
    return this.#ask<Next>(
      timeoutMs,
      (answered) => this.#wire.getNext([oid], answered),
      ([varbind]) =>
        varbind && !isVarbindError(varbind)
          ? { kind: 'next', oid: varbind.oid }
          : { kind: 'error', status: 'endOfMibView' },
    )
  }

  async #ask<Told>(
    timeoutMs: number,
    send: (answered: Answered) => void,
    judge: (varbinds: Varbind[]) => Told,
  ): Promise<Told | NotGot> {
    const deadlineAt = this.#clock.now() + timeoutMs
    for (;;) {
      const leftMs = deadlineAt - this.#clock.now()
      if (!this.#alive || leftMs <= 0) return silence('no answer in time')
      const got = await this.#askOnce(leftMs, send, judge)
      if (got !== 'again') return got
      await new Promise<void>((resolve) => {
        this.#clock.after(Math.min(AGAIN_PAUSE_MS, leftMs), resolve)
      })
    }
  }

  #askOnce<Told>(
    leftMs: number,
    send: (answered: Answered) => void,
    judge: (varbinds: Varbind[]) => Told,
  ): Promise<Told | NotGot | 'again'> {
    return new Promise((resolve) => {
      const cancel = this.#clock.after(leftMs, () => resolve(silence('no answer in time')))
      this.#wire.retries = Math.max(0, Math.ceil(leftMs / RESEND_MS) - 1)
      send((error, varbinds) => {
        cancel()
        resolve(error ? judgeError(error) : judge(varbinds ?? []))
      })
    })
  }

  /**
   * Sends one SET of an integer in this turn, exactly once. `settled` comes once; `answered` in it tells
   * whether the device itself spoke.
   */
  set(oid: string, value: number, settled: (answer: Answer, answered: boolean) => void): void {
    if (!this.#alive) {
      settled({ kind: 'refused', detail: 'not sent: the link was lost before' }, false)
      return
    }
    this.#effects++
    let error: Error | null | undefined
    const finish = (outcome: Error | null) => {
      this.#effects--
      if (this.#retired && this.#effects === 0) this.close()
      const [answer, answered] = judgeEffect(outcome)
      settled(answer, answered)
    }
    let inTurn = true
    const sent = this.#wire.fire(oid, value, (outcome) => {
      if (inTurn) error = outcome
      else finish(outcome)
    })
    inTurn = false
    if (!sent) finish(new NotSent('no association with the device'))
    else if (error !== undefined) finish(error)
  }

  /** Takes no further question; closes once the last effect is answered or given up. */
  retire(): void {
    this.#retired = true
    if (this.#effects === 0) this.close()
  }

  close(): void {
    if (!this.#alive) return
    this.#alive = false
    this.#wire.close()
  }
}

const silence = (detail: string): NotGot => ({ kind: 'silent', detail })

function usmUser(access: Extract<SnmpAccess, { version: '3' }>): User {
  const { user: name, auth, priv } = access
  return {
    name,
    level: SecurityLevel[access.level],
    ...(auth && { authProtocol: AuthProtocols[auth.protocol], authKey: auth.password }),
    ...(priv && { privProtocol: PrivProtocols[priv.protocol], privKey: priv.password }),
  }
}

/** Our own words only: the library's errors carry digests and, in `info`, the passwords. */
function judgeError(error: Error): NotGot | 'again' {
  if (error instanceof RequestFailedError) return { kind: 'error', status: statusName(error) }
  const denial = findDenial(error)
  if (denial) return { kind: 'denied', detail: `the device refuses the SNMPv3 user: ${denial}` }
  return 'again'
}

function judgeVarbinds(oids: readonly string[], varbinds: readonly Varbind[]): Got {
  return {
    kind: 'values',
    values: oids.map((oid, index) => {
      const varbind = varbinds[index]
      return varbind && varbind.oid === oid ? readValue(varbind) : undefined
    }),
  }
}

function readValue(varbind: Varbind): Value {
  const { type, value } = varbind
  if (isVarbindError(varbind)) return undefined
  if (type === ObjectType.Integer || type === ObjectType.Gauge) {
    return typeof value === 'number' ? value : undefined
  }
  if (type === ObjectType.OID) return typeof value === 'string' ? value : undefined
  if (type !== ObjectType.OctetString || !Buffer.isBuffer(value)) return undefined
  return value
    .toString('latin1')
    .replace(/[^ -~]+/g, ' ')
    .trim()
    .slice(0, TEXT_LENGTH_MAX)
}

function judgeEffect(error: Error | null): [Answer, boolean] {
  if (!error) return [{ kind: 'accepted', detail: 'noError' }, true]
  if (error instanceof NotSent) {
    return [{ kind: 'refused', detail: `not sent: ${error.message}` }, false]
  }
  if (error instanceof RequestFailedError) {
    const status = statusName(error)
    return [{ kind: MAY_HAVE_ACTED.includes(status) ? 'lost' : 'refused', detail: status }, true]
  }
  const denial = findDenial(error)
  return [{ kind: 'lost', detail: denial ? `report: ${denial}` : 'no usable answer' }, false]
}

const statusName = (error: RequestFailedError): string => STATUS_NAMES[error.status] ?? 'genErr'

function findDenial(error: Error): string | undefined {
  if (!(error instanceof ResponseInvalidError) || error.info !== undefined) return undefined
  if (error.code !== ResponseInvalidCode.EAuthFailure) return undefined
  return DENIALS.find((text) => text === error.message)
}
