// A console just clever enough to hold a session with the lab's own BMC, datagram by datagram and without
// sockets. That the BMC speaks the protocol is proved elsewhere, by software that we did not write.
import { buildV20, PAYLOAD, parseDatagram } from '../../../lab/bmc/datagram.ts'
import { Responder, type ResponderSettings } from '../../../lab/bmc/responder.ts'
import { openPacket, sealPacket } from '../../../lab/bmc/session.ts'
import {
  type Exchange,
  rakp2Mac,
  rakp3Mac,
  rakp4Icv,
  type SessionKeys,
  SUITE_17,
  type Suite,
  sessionKeys,
  userKeyOf,
} from '../../../lab/bmc/suite.ts'
import { ServerModel } from '../../../lab/model/server.ts'
import { TYPICAL_SERVER } from '../../../lab/room.ts'
import { seededRandom, VirtualClock } from '../virtual-clock.ts'

export const PASSWORD = 'Pal1sade'
export const GUID = Buffer.from('00112233445566778899aabbccddeeff', 'hex')

export function buildBmc(settings: Partial<ResponderSettings> = {}) {
  const clock = new VirtualClock()
  const random = seededRandom('bmc')
  const server = new ServerModel(
    { ...TYPICAL_SERVER, name: 'S', supplies: 2 },
    { clock, random, sendStopNotice: () => {} },
  )
  clock.advance(TYPICAL_SERVER.os.bootMs)
  const account = { username: 'admin', password: PASSWORD, privilege: 4 as const }
  const responder = new Responder(
    server,
    { account, suites: [3, 17], sessionSlots: 4, guid: GUID, ...settings },
    { clock, random },
  )
  return { clock, server, responder }
}

export interface Login {
  suite?: Suite
  user?: string
  password?: string
  privilege?: number
  kg?: Buffer
  consoleId?: number
}

/** The status at which a login failed, or the session. */
export function login(responder: Responder, options: Login = {}): Console | { status: number } {
  const { suite = SUITE_17, user = 'admin', password = PASSWORD, privilege = 4 } = options
  const consoleId = options.consoleId ?? 0xa4a3a2a1
  const opened = exchangePlain(responder, PAYLOAD.openRequest, openRequest(suite, consoleId))
  if (opened[1] !== 0) return { status: opened.readUInt8(1) }
  const bmcId = opened.readUInt32LE(8)
  const name = Buffer.from(user)
  const consoleRandom = Buffer.alloc(16, 7)
  const role = 0x10 | privilege
  const rakp1 = Buffer.concat([Buffer.alloc(28), name])
  rakp1.writeUInt32LE(bmcId, 4)
  consoleRandom.copy(rakp1, 8)
  rakp1.set([role, 0, 0, name.length], 24)
  const rakp2 = exchangePlain(responder, PAYLOAD.rakp1, rakp1)
  if (rakp2[1] !== 0) return { status: rakp2.readUInt8(1) }
  const exchange: Exchange = {
    consoleId,
    bmcId,
    consoleRandom,
    bmcRandom: rakp2.subarray(8, 24),
    guid: rakp2.subarray(24, 40),
    role,
    user: name,
  }
  const userKey = userKeyOf(password)
  const rakp3 = Buffer.concat([Buffer.alloc(8), rakp3Mac(suite, userKey, exchange)])
  rakp3.writeUInt32LE(bmcId, 4)
  const rakp4 = exchangePlain(responder, PAYLOAD.rakp3, rakp3)
  if (rakp4[1] !== 0) return { status: rakp4.readUInt8(1) }
  const keys = sessionKeys(suite, options.kg ?? userKey, exchange)
  return new Console(responder, {
    suite,
    keys,
    exchange,
    provesPassword: rakp2Mac(suite, userKey, exchange).equals(rakp2.subarray(40)),
    provesKey: rakp4Icv(suite, keys.sik, exchange).equals(rakp4.subarray(8)),
  })
}

export function getConsole(responder: Responder, options: Login = {}): Console {
  const session = login(responder, options)
  if (!(session instanceof Console)) throw new Error(`login failed with ${session.status}`)
  return session
}

interface Established {
  suite: Suite
  keys: SessionKeys
  exchange: Exchange
  provesPassword: boolean
  provesKey: boolean
}

export class Console {
  readonly session: Established
  readonly #responder: Responder
  #sequence = 0

  constructor(responder: Responder, session: Established) {
    this.#responder = responder
    this.session = session
  }

  /** Completion code and body, with the delay; undefined when nothing came back. */
  ask(netFn: number, command: number, body: readonly number[] = []) {
    return this.answerTo(this.request(netFn, command, body))
  }

  request(netFn: number, command: number, body: readonly number[] = []): Buffer {
    const { suite, keys, exchange } = this.session
    const sequence = ++this.#sequence
    const sealing = { sessionId: exchange.bmcId, sequence, iv: Buffer.alloc(16, 3) }
    return sealPacket(suite, keys, sealing, lanMessage(netFn, command, body))
  }

  answerTo(datagram: Buffer) {
    const reply = this.#responder.handle(datagram)
    if (!reply) return undefined
    const parsed = parseDatagram(reply.datagram)
    if (parsed?.format !== 'v20') throw new Error('the reply is not IPMI 2.0')
    const message = openPacket(this.session.suite, this.session.keys, parsed)
    if (!message) throw new Error('the reply does not open')
    return { code: message.readUInt8(6), body: message.subarray(7, -1), afterMs: reply.afterMs }
  }
}

/** The answer to a question outside any session, in the 2.0 wrapper. */
export function askOutside(
  responder: Responder,
  netFn: number,
  command: number,
  body: readonly number[] = [],
): Buffer {
  return exchangePlain(responder, PAYLOAD.ipmi, lanMessage(netFn, command, body)).subarray(6, -1)
}

export function openRequest(suite: Suite, consoleId: number): Buffer {
  const request = Buffer.alloc(32)
  request.writeUInt32LE(consoleId, 4)
  const algorithms = [suite.authentication, suite.integrity, suite.confidentiality]
  algorithms.forEach((algorithm, i) => {
    request.set([i, 0, 0, 8, algorithm], 8 + 8 * i)
  })
  return request
}

export function exchangePlain(responder: Responder, payloadType: number, payload: Buffer): Buffer {
  const envelope = { payloadType, sessionId: 0, sequence: 0, sealed: false }
  const reply = responder.handle(buildV20(envelope, payload))
  const parsed = reply && parseDatagram(reply.datagram)
  if (parsed?.format !== 'v20') throw new Error('no answer')
  return parsed.payload
}

function lanMessage(netFn: number, command: number, body: readonly number[]): Buffer {
  const head = [0x20, netFn << 2]
  const rest = [0x81, 0x04, command, ...body]
  return Buffer.from([...head, checksum(head), ...rest, checksum(rest)])
}

function checksum(bytes: readonly number[]): number {
  return -bytes.reduce((sum, byte) => sum + byte, 0) & 0xff
}
