// A BMC under a virtual clock with every oddity a switch away. Its cryptography and framing are the lab's,
// written apart from the driver's, so that a shared mistake cannot hide.
import type { OpenUdp, UdpEvents } from '../../../../agent/drivers/ipmi/udp.ts'
import { buildV15, buildV20, PAYLOAD, parseDatagram } from '../../../../lab/bmc/datagram.ts'
import { buildReply, parseRequest, type Request } from '../../../../lab/bmc/message.ts'
import { openPacket, SequenceWindow, sealPacket } from '../../../../lab/bmc/session.ts'
import {
  type Exchange,
  rakp2Mac,
  rakp3Mac,
  rakp4Icv,
  type SessionKeys,
  SUITES,
  type Suite,
  sessionKeys,
  userKeyOf,
} from '../../../../lab/bmc/suite.ts'
import { seededRandom, type VirtualClock } from '../../../lab/virtual-clock.ts'

interface ScriptedSession {
  bmcId: number
  consoleId: number
  suite: Suite
  openPrivilege: number
  exchange?: Exchange
  keys?: SessionKeys
  privilege: number
  window: SequenceWindow
  sequence: number
}

type Verdict = number | 'silent'

const [CHASSIS, APP] = [0x00, 0x06]

export class ScriptedBmc {
  username = 'admin'
  password = 'palisade1'
  kg: Uint8Array | undefined
  guid = Buffer.from('a123456789abcdefa123456789abcdef', 'hex')
  /** What Get System GUID tells; undefined answers C1h. */
  systemGuid: Uint8Array | undefined
  latencyMs = 1
  poweredOn = true
  /** Status of Open Session; 0 lets it pass. */
  openStatus: (request: { suite: Suite | undefined; privilege: number }) => number = ({ suite }) =>
    suite ? 0 : 0x11
  /** Opens every session without any algorithm, whatever was asked for. */
  downgrades = false
  /** Status of RAKP 2 for this role, after the user name was found. */
  roleStatus: (role: number) => number = () => 0
  /** Highest level for Set Session Privilege Level. */
  levelLimit = 4
  /** Hashes the privilege of Open Session in place of the role, as a few boards do. */
  hashesOpenPrivilege = false
  /** Status of RAKP 4; 0 lets a right proof pass. */
  rakp4Status = 0
  /** What becomes of a Chassis Control: a completion code, executed when 0. */
  control: (action: number) => Verdict = () => 0
  /** Completion code and body of Get Chassis Status. */
  status: () => { code: number; body: number[] } | 'silent' = () => ({
    code: 0,
    body: [this.poweredOn ? 1 : 0, 0, 0],
  })
  /** Drops a request, or the reply to it, by looking at its first bytes. */
  losesRequest: (datagram: Uint8Array) => boolean = () => false
  losesReply: (datagram: Uint8Array) => boolean = () => false
  /** Requests arrive twice. */
  doubles = false
  dead = false
  /** Chassis actions executed, in order. */
  readonly executed: number[] = []
  /** netFn and command of every request in a session, in order. */
  readonly asked: string[] = []
  /** `suite.privilege` of every Open Session Request, and the role of every RAKP 1. */
  readonly logins: string[] = []
  readonly roles: number[] = []
  readonly #clock: VirtualClock
  readonly #random = seededRandom('scripted bmc')
  readonly #sessions = new Map<number, ScriptedSession>()
  #held: (() => void)[] | undefined

  constructor(clock: VirtualClock) {
    this.#clock = clock
  }

  get sessionCount(): number {
    return [...this.#sessions.values()].filter(({ keys }) => keys).length
  }

  /** Forgets all sessions, as after a power cut. */
  restart(): void {
    this.#sessions.clear()
  }

  /** Stands still: what arrives waits, in order. */
  pause(): void {
    this.#held ??= []
  }

  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const handle of held) handle()
  }

  /** The network between: `latencyMs` each way. */
  readonly openUdp: OpenUdp = (_address, _port, events) => {
    let open = true
    this.#clock.after(0, () => open && events.opened())
    const guarded: UdpEvents = {
      ...events,
      received: (datagram) => open && events.received(datagram),
    }
    return {
      send: (datagram) => {
        if (!open) return false
        const copy = Buffer.from(datagram)
        if (this.losesRequest(copy)) return true
        for (let copies = this.doubles ? 2 : 1; copies > 0; copies--) {
          this.#clock.after(this.latencyMs, () => this.#arrive(copy, guarded))
        }
        return true
      },
      close: () => {
        open = false
      },
    }
  }

  #arrive(datagram: Buffer, events: UdpEvents): void {
    if (this.dead) return
    if (this.#held) {
      this.#held.push(() => this.#arrive(datagram, events))
      return
    }
    const reply = this.#handle(datagram)
    if (!reply || this.losesReply(reply)) return
    this.#clock.after(this.latencyMs, () => events.received(reply))
  }

  #handle(raw: Buffer): Buffer | undefined {
    const datagram = parseDatagram(raw)
    if (datagram?.format === 'v15') {
      const request = parseRequest(datagram.message)
      return request && buildV15(buildReply(request, 0, [1, 0x80, 0x04, 2, 0, 0, 0, 0]))
    }
    if (datagram?.format !== 'v20') return undefined
    const { payload, payloadType, sessionId } = datagram
    if (sessionId === 0) {
      const answer = this.#login(payloadType, payload)
      const plain = { payloadType: payloadType + 1, sessionId: 0, sequence: 0, sealed: false }
      return answer && buildV20(plain, answer)
    }
    const session = this.#sessions.get(sessionId)
    if (!session?.keys) return undefined
    const message = openPacket(session.suite, session.keys, datagram)
    if (!message || !session.window.take(datagram.sequence)) return undefined
    const request = parseRequest(message)
    const answer = request && this.#command(request, session)
    if (!request || !answer) return undefined
    const sealing = {
      sessionId: session.consoleId,
      sequence: ++session.sequence,
      iv: this.#random.bytes(16),
    }
    return sealPacket(
      session.suite,
      session.keys,
      sealing,
      buildReply(request, answer.code, answer.body),
    )
  }

  #login(payloadType: number, payload: Buffer): Buffer | undefined {
    if (payloadType === PAYLOAD.openRequest) return this.#open(payload)
    if (payloadType === PAYLOAD.rakp1) return this.#challenge(payload)
    return payloadType === PAYLOAD.rakp3 ? this.#prove(payload) : undefined
  }

  #open(request: Buffer): Buffer {
    const suite = SUITES.find(
      ({ authentication, integrity }) =>
        authentication === request[12] && integrity === request[20],
    )
    const openPrivilege = request.readUInt8(1)
    this.logins.push(`${suite?.id}.${openPrivilege}`)
    const consoleId = request.readUInt32LE(4)
    const status = this.openStatus({ suite, privilege: openPrivilege })
    if (status !== 0 || !suite) return head(request, status, consoleId)
    const bmcId = Buffer.from(this.#random.bytes(4)).readUInt32LE() || 1
    this.#sessions.set(bmcId, {
      bmcId,
      consoleId,
      suite,
      openPrivilege,
      privilege: 2,
      window: new SequenceWindow(),
      sequence: 0,
    })
    const response = Buffer.alloc(36)
    head(request, 0, consoleId).copy(response)
    response.writeUInt32LE(bmcId, 8)
    request.copy(response, 12, 8, 32)
    if (this.downgrades) for (const at of [16, 24, 32]) response.writeUInt8(0, at)
    return response
  }

  #challenge(message: Buffer): Buffer {
    const session = this.#sessions.get(message.readUInt32LE(4))
    if (!session || session.keys) return head(message, 0x02, 0)
    const role = message.readUInt8(24)
    this.roles.push(role)
    const user = message.subarray(28)
    if (user.toString() !== this.username) return head(message, 0x0d, session.consoleId)
    const status = this.roleStatus(role & 0x0f)
    if (status !== 0) return head(message, status, session.consoleId)
    const { consoleId, bmcId } = session
    // A new random number each time, so that crossed packets of one attempt do not fit together.
    const bmcRandom = this.#random.bytes(16)
    const consoleRandom = Buffer.from(message.subarray(8, 24))
    const hashed = this.hashesOpenPrivilege ? session.openPrivilege | 0x10 : role
    const ids = { consoleId, bmcId }
    session.exchange = { ...ids, consoleRandom, bmcRandom, guid: this.guid, role: hashed, user }
    const mac = rakp2Mac(session.suite, userKeyOf(this.password), session.exchange)
    return Buffer.concat([head(message, 0, consoleId), bmcRandom, this.guid, mac])
  }

  #prove(message: Buffer): Buffer {
    const session = this.#sessions.get(message.readUInt32LE(4))
    if (!session?.exchange || session.keys) return head(message, 0x02, 0)
    const { suite, exchange, consoleId } = session
    if (this.rakp4Status !== 0) return head(message, this.rakp4Status, consoleId)
    const userKey = userKeyOf(this.password)
    if (!rakp3Mac(suite, userKey, exchange).equals(message.subarray(8))) {
      return head(message, 0x0f, consoleId)
    }
    session.keys = sessionKeys(suite, this.kg ?? userKey, exchange)
    return Buffer.concat([head(message, 0, consoleId), rakp4Icv(suite, session.keys.sik, exchange)])
  }

  #command(
    request: Request,
    session: ScriptedSession,
  ): { code: number; body: number[] } | undefined {
    const { netFn, command, body } = request
    this.asked.push(`${netFn}/${command.toString(16)}`)
    if (netFn === CHASSIS && command === 0x01) return this.#silenced(this.status())
    if (netFn === CHASSIS && command === 0x02) {
      if (session.privilege < 3) return { code: 0xd4, body: [] }
      const action = body.readUInt8(0)
      const verdict = this.control(action)
      if (verdict === 0 || verdict === 'silent') this.executed.push(action)
      return verdict === 'silent' ? undefined : { code: verdict, body: [] }
    }
    if (netFn === APP && command === 0x3b) {
      const level = body.readUInt8(0)
      if (level > this.levelLimit) return { code: 0x81, body: [] }
      session.privilege = level
      return { code: 0, body: [level] }
    }
    if (netFn === APP && command === 0x37 && this.systemGuid) {
      return { code: 0, body: [...this.systemGuid] }
    }
    if (netFn === APP && command === 0x3c) {
      const closed = this.#sessions.delete(body.readUInt32LE(0))
      return { code: closed ? 0 : 0x87, body: [] }
    }
    return { code: 0xc1, body: [] }
  }

  #silenced<Answer>(answer: Answer | 'silent'): Answer | undefined {
    return answer === 'silent' ? undefined : answer
  }
}

/** Tag, status, console id: the start of every answer, all of a refusal. */
function head(request: Buffer, status: number, consoleId: number): Buffer {
  const bytes = Buffer.alloc(8)
  bytes.set([request.readUInt8(0), status])
  bytes.writeUInt32LE(consoleId, 4)
  return bytes
}
