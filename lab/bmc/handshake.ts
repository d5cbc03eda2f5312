// Open Session and RAKP as the BMC answers them (spec protocols.md §1.4). Every step checks the status it
// would report; a wrong password shows only at RAKP 3, a wrong Kg only at the console.
import { timingSafeEqual } from 'node:crypto'
import type { Random } from '../../core/ports.ts'
import type { Session, SessionTable } from './session-table.ts'
import {
  rakp2Mac,
  rakp3Mac,
  rakp4Icv,
  SUITES,
  type Suite,
  sessionKeys,
  userKeyOf,
} from './suite.ts'

export interface Account {
  username: string
  password: string
  /** Highest privilege: 2 user, 3 operator, 4 administrator. */
  privilege: 2 | 3 | 4
  /** The BMC's own key, twenty bytes; absent where none is set. */
  kg?: Uint8Array
}

const STATUS = {
  ok: 0x00,
  noResources: 0x01,
  badSession: 0x02,
  badAuthentication: 0x04,
  badIntegrity: 0x05,
  badRole: 0x09,
  unauthorisedRole: 0x0a,
  nameTooLong: 0x0c,
  unauthorisedName: 0x0d,
  badCheckValue: 0x0f,
  badConfidentiality: 0x10,
  noSuite: 0x11,
} as const

export class Handshake {
  readonly #sessions: SessionTable
  readonly #account: Account
  readonly #suites: readonly Suite[]
  readonly #random: Random
  /** The system GUID of the moment; set by the responder before every datagram. */
  guid: Uint8Array = new Uint8Array(16)

  constructor(sessions: SessionTable, account: Account, suites: readonly number[], random: Random) {
    this.#sessions = sessions
    this.#account = account
    this.#suites = SUITES.filter((suite) => suites.includes(suite.id))
    this.#random = random
  }

  /** Open Session Request in, Open Session Response out. */
  open(request: Buffer, full: boolean): Buffer | undefined {
    if (request.length < 32) return undefined
    const tag = request.readUInt8(0)
    const wanted = request.readUInt8(1) & 0x0f
    const consoleId = request.readUInt32LE(4)
    const fail = (status: number) => refusal(tag, status, consoleId)
    if (full) return fail(STATUS.noResources)
    const suite = this.#chooseSuite(request)
    if (typeof suite === 'number') return fail(suite)
    const session = this.#sessions.open(consoleId, suite)
    if (!session) return fail(STATUS.noResources)
    session.privilegeLimit = Math.min(wanted === 0 ? 4 : wanted, this.#account.privilege)
    const response = Buffer.alloc(36)
    response.set([tag, STATUS.ok, session.privilegeLimit])
    response.writeUInt32LE(consoleId, 4)
    response.writeUInt32LE(session.bmcId, 8)
    const algorithms = [suite.authentication, suite.integrity, suite.confidentiality]
    algorithms.forEach((algorithm, i) => {
      response.set([i, 0, 0, 8, algorithm, 0, 0, 0], 12 + 8 * i)
    })
    return response
  }

  /** RAKP 1 in, RAKP 2 out. */
  challenge(message: Buffer): Buffer | undefined {
    if (message.length < 28) return undefined
    const tag = message.readUInt8(0)
    const session = this.#sessions.find(message.readUInt32LE(4))
    if (!session || session.phase === 'active') return refusal(tag, STATUS.badSession, 0)
    const user = message.subarray(28, 28 + message.readUInt8(27))
    const status = this.#checkUser(message, user)
    if (status !== STATUS.ok) {
      this.#sessions.close(session.bmcId)
      return refusal(tag, status, session.consoleId)
    }
    const role = message.readUInt8(24)
    const consoleRandom = Buffer.from(message.subarray(8, 24))
    const repeated = session.exchange && consoleRandom.equals(session.exchange.consoleRandom)
    const exchange =
      repeated && session.exchange ? session.exchange : this.#exchange(session, role, consoleRandom)
    session.exchange = exchange
    session.phase = 'challenged'
    const mac = rakp2Mac(session.suite, userKeyOf(this.#account.password), exchange)
    return Buffer.concat([
      refusal(tag, STATUS.ok, session.consoleId),
      exchange.bmcRandom,
      exchange.guid,
      mac,
    ])
  }

  /** RAKP 3 in, RAKP 4 out; the session is active from here. */
  prove(message: Buffer): Buffer | undefined {
    if (message.length < 8) return undefined
    const tag = message.readUInt8(0)
    const session = this.#sessions.find(message.readUInt32LE(4))
    if (!session?.exchange) return refusal(tag, STATUS.badSession, 0)
    const { exchange, suite } = session
    const userKey = userKeyOf(this.#account.password)
    const proof = message.subarray(8)
    const expected = rakp3Mac(suite, userKey, exchange)
    const proven = proof.length === expected.length && timingSafeEqual(proof, expected)
    if (message[1] !== STATUS.ok || !proven) {
      if (session.phase !== 'active') this.#sessions.close(session.bmcId)
      return refusal(tag, STATUS.badCheckValue, session.consoleId)
    }
    const keys = sessionKeys(suite, this.#account.kg ?? userKey, exchange)
    session.keys = keys
    session.phase = 'active'
    session.privilegeLimit = Math.min(session.privilegeLimit, exchange.role & 0x0f)
    this.#sessions.touch(session)
    const icv = rakp4Icv(suite, keys.sik, exchange)
    return Buffer.concat([refusal(tag, STATUS.ok, session.consoleId), icv])
  }

  #exchange(session: Session, role: number, consoleRandom: Buffer) {
    return {
      consoleId: session.consoleId,
      bmcId: session.bmcId,
      consoleRandom,
      bmcRandom: this.#random.bytes(16),
      guid: this.guid,
      role,
      user: Buffer.from(this.#account.username, 'latin1'),
    }
  }

  #checkUser(message: Buffer, user: Buffer): number {
    const length = message.readUInt8(27)
    if (length > 16 || message.length < 28 + length) return STATUS.nameTooLong
    if (!user.equals(Buffer.from(this.#account.username, 'latin1'))) return STATUS.unauthorisedName
    const privilege = message.readUInt8(24) & 0x0f
    if (privilege < 2 || privilege > 5) return STATUS.badRole
    return privilege > this.#account.privilege ? STATUS.unauthorisedRole : STATUS.ok
  }

  /** The suite asked for, or the status that says why not. */
  #chooseSuite(request: Buffer): Suite | number {
    const [authentication, integrity, confidentiality] = [12, 20, 28].map((at) => request[at])
    const fits = (by: (suite: Suite) => boolean) => this.#suites.some(by)
    if (!fits((suite) => suite.authentication === authentication)) return STATUS.badAuthentication
    if (!fits((suite) => suite.integrity === integrity)) return STATUS.badIntegrity
    if (!fits((suite) => suite.confidentiality === confidentiality))
      return STATUS.badConfidentiality
    const chosen = this.#suites.find(
      (suite) => suite.authentication === authentication && suite.integrity === integrity,
    )
    return chosen ?? STATUS.noSuite
  }
}

/** The eight bytes that open every answer, and are all of it when something is wrong. */
function refusal(tag: number, status: number, consoleId: number): Buffer {
  const answer = Buffer.alloc(8)
  answer.set([tag, status])
  answer.writeUInt32LE(consoleId, 4)
  return answer
}
