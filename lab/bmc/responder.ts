// A BMC as the network sees it, without the socket: datagram in, at most one datagram out, perhaps late.
import type { Clock, Random } from '../../core/ports.ts'
import type { Bmc } from '../model/bmc.ts'
import type { ServerModel } from '../model/server.ts'
import { APP_COMMANDS } from './app-commands.ts'
import { CHASSIS_COMMANDS } from './chassis-commands.ts'
import { type Answer, CODE, type Command } from './command.ts'
import { buildPong, buildV15, buildV20, PAYLOAD, parseDatagram } from './datagram.ts'
import { type Account, Handshake } from './handshake.ts'
import { buildReply, parseRequest, type Request } from './message.ts'
import { openPacket, type SealedDatagram, sealPacket } from './session.ts'
import { type Session, SessionTable } from './session-table.ts'
import { STORAGE_COMMANDS } from './storage-commands.ts'

export interface ResponderSettings {
  account: Account
  /** Cipher suites on offer, out of 3 and 17. */
  suites: readonly number[]
  sessionSlots: number
  /** Sixteen bytes. */
  guid: Uint8Array
}

export interface Reply {
  datagram: Buffer
  afterMs: number
}

const COMMANDS = new Map<number, Command>(
  [...APP_COMMANDS, ...CHASSIS_COMMANDS, ...STORAGE_COMMANDS].map((command) => [
    keyOf(command.netFn, command.command),
    command,
  ]),
)

export class Responder {
  readonly #server: ServerModel
  readonly #settings: ResponderSettings
  readonly #sessions: SessionTable
  readonly #handshake: Handshake
  readonly #random: Random
  #bmcStarts = 0

  constructor(
    server: ServerModel,
    settings: ResponderSettings,
    { clock, random }: { clock: Clock; random: Random },
  ) {
    this.#server = server
    this.#settings = settings
    this.#random = random
    this.#sessions = new SessionTable(settings.sessionSlots, clock, random)
    this.#handshake = new Handshake(this.#sessions, settings.account, settings.suites, random)
  }

  get sessionCount(): number {
    return this.#sessions.size
  }

  /** Never throws on anything that the network can send. */
  handle(raw: Buffer): Reply | undefined {
    const { bmc } = this.#server
    if (bmc.state !== 'up') return undefined
    if (bmc.starts !== this.#bmcStarts) {
      this.#bmcStarts = bmc.starts
      this.#sessions.clear()
    }
    this.#handshake.guid = this.#guid()
    const datagram = parseDatagram(raw)
    if (!datagram) return undefined
    if (datagram.format === 'asf-ping') return atOnce(buildPong(datagram.tag))
    if (datagram.format === 'v15') return this.#outside(datagram.message, buildV15)
    return this.#takeV20(datagram)
  }

  #takeV20(datagram: SealedDatagram): Reply | undefined {
    const { payload, payloadType, sessionId } = datagram
    if (sessionId !== 0) return this.#inside(datagram)
    if (payloadType === PAYLOAD.ipmi) {
      return this.#outside(payload, (message) => buildV20(plain(PAYLOAD.ipmi), message))
    }
    const answer = this.#login(payloadType, payload)
    return answer && atOnce(buildV20(plain(payloadType + 1), answer))
  }

  #login(payloadType: number, payload: Buffer): Buffer | undefined {
    const { sessionFull } = this.#server.faults
    if (payloadType === PAYLOAD.openRequest) return this.#handshake.open(payload, sessionFull)
    if (payloadType === PAYLOAD.rakp1) return this.#handshake.challenge(payload)
    return payloadType === PAYLOAD.rakp3 ? this.#handshake.prove(payload) : undefined
  }

  /** A question before any session: only the few commands that need no privilege. */
  #outside(message: Buffer, wrap: (message: Buffer) => Buffer): Reply | undefined {
    const request = parseRequest(message)
    if (!request) return undefined
    const answer = this.#answer(request, undefined)
    return atOnce(wrap(buildReply(request, answer.code, answer.body ?? [])))
  }

  #inside(datagram: SealedDatagram): Reply | undefined {
    const session = this.#sessions.find(datagram.sessionId)
    if (!session?.keys || datagram.payloadType !== PAYLOAD.ipmi) return undefined
    const message = openPacket(session.suite, session.keys, datagram)
    if (!message || !session.window.take(datagram.sequence)) return undefined
    const request = parseRequest(message)
    if (!request) return undefined
    this.#sessions.touch(session)
    const answer = this.#answer(request, session)
    const sealed = this.#seal(session, buildReply(request, answer.code, answer.body ?? []))
    answer.afterwards?.()
    if (!sealed || answer.afterMs === 'never') return undefined
    return { datagram: sealed, afterMs: answer.afterMs ?? 0 }
  }

  #seal(session: Session, message: Buffer): Buffer | undefined {
    if (!session.keys) return undefined
    const sequence = session.nextSequence
    session.nextSequence = sequence === 0xffffffff ? 1 : sequence + 1
    const sealing = { sessionId: session.consoleId, sequence, iv: this.#random.bytes(16) }
    return sealPacket(session.suite, session.keys, sealing, message)
  }

  #answer(request: Request, session: Session | undefined): Answer {
    const command = COMMANDS.get(keyOf(request.netFn, request.command))
    if (!command) return { code: session ? CODE.unsupported : CODE.insufficientPrivilege }
    if ((session?.privilege ?? 0) < command.privilege) return { code: CODE.insufficientPrivilege }
    if (request.body.length < command.length) return { code: CODE.badLength }
    return command.handle(request.body, {
      bmc: this.#bmc,
      guid: this.#guid(),
      session,
      suiteIds: this.#settings.suites,
      hasKg: this.#settings.account.kg !== undefined,
      sessionCount: this.#sessions.size,
      closeSession: (id) => this.#sessions.close(id),
    })
  }

  get #bmc(): Bmc {
    return this.#server.bmc
  }

  #guid(): Uint8Array {
    const { zeroGuid, foreignGuid } = this.#server.faults
    if (zeroGuid) return new Uint8Array(16)
    return foreignGuid ? this.#settings.guid.map((byte) => byte ^ 0xff) : this.#settings.guid
  }
}

function plain(payloadType: number) {
  return { payloadType, sessionId: 0, sequence: 0, sealed: false }
}

function atOnce(datagram: Buffer): Reply {
  return { datagram, afterMs: 0 }
}

function keyOf(netFn: number, command: number): number {
  return (netFn << 8) | command
}
