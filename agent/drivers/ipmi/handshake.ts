// One attempt at Open Session and RAKP 1–4 (spec protocols.md §1.4). No socket and no timer: the owner
// sends `datagram()`, again when nothing comes, and hands in what arrives.
import { timingSafeEqual } from 'node:crypto'
import type { Random } from '../../../core/ports.ts'
import type { CipherSuite } from './cipher-suite.ts'
import type { Credentials } from './credentials.ts'
import {
  decodeOpenSessionResponse,
  decodeRakp2,
  decodeRakp4,
  deriveSessionKeys,
  encodeOpenSessionRequest,
  encodeRakp1,
  encodeRakp3,
  NAME_ONLY,
  RANDOM_BYTES,
  type Rakp2,
  type Rakp4,
  type Refusal,
  rakp2Mac,
  rakp3Mac,
  rakp4Icv,
  type SessionKeys,
  sessionIntegrityKey,
  type Transcript,
} from './rakp.ts'
import { PAYLOAD, type Packet, wrapHandshake } from './rmcp.ts'
import { isCredentialRefusal, isRoleRefusal, isStale } from './status-code.ts'

/** How a login is attempted; `login-plan.ts` says which ways are tried in which order. */
export interface LoginVariant {
  suite: CipherSuite
  /** Privilege asked for in RAKP 1; 0 is the highest that the user has. */
  role: 0 | 3 | 4
  /** Whether Open Session states the same privilege, or 0 as most consoles do. */
  statesPrivilege: boolean
}

export type LoginFailure =
  | { kind: 'silence'; step: string }
  /** Open Session was refused; without a status the algorithms returned were not the ones asked for. */
  | { kind: 'open-refused'; status?: number }
  | { kind: 'role-refused'; status: number }
  | { kind: 'credentials-refused'; status: number }
  | { kind: 'refused'; status: number }
  /**
   * RAKP 4 says that our proof is wrong, though RAKP 2 has shown that the BMC holds our password: most
   * likely the network doubled RAKP 1, and the proof met another random number than it was made for.
   */
  | { kind: 'proof-refused' }
  | { kind: 'wrong-password' }
  | { kind: 'wrong-kg' }
  /** The BMC answers, but packets of this attempt were lost or crossed: begin again at Open Session. */
  | { kind: 'interrupted'; step: string }

export interface OpenedSession {
  consoleId: number
  bmcId: number
  guid: Uint8Array
  keys: SessionKeys
}

export type Progress =
  | { kind: 'next' }
  | { kind: 'opened'; session: OpenedSession }
  | { kind: 'failed'; failure: LoginFailure }

const PROOF_REFUSED = 0x0f

type Step = 'Open Session' | 'RAKP 1' | 'RAKP 3'

export class Handshake {
  readonly #variant: LoginVariant
  readonly #credentials: Credentials
  readonly #transcript: Transcript
  /** Tags of this step, newest last. */
  #tags: number[] = []
  #lastTag: number
  #step: Step = 'Open Session'

  constructor(variant: LoginVariant, credentials: Credentials, random: Random) {
    this.#variant = variant
    this.#credentials = credentials
    const seed = Buffer.from(random.bytes(RANDOM_BYTES + 5))
    this.#lastTag = seed.readUInt8(RANDOM_BYTES)
    this.#transcript = {
      suite: variant.suite,
      // The id must not be zero.
      consoleId: seed.readUInt32LE(RANDOM_BYTES + 1) || 1,
      bmcId: 0,
      consoleRandom: seed.subarray(0, RANDOM_BYTES),
      bmcRandom: new Uint8Array(0),
      guid: new Uint8Array(0),
      role: variant.role | NAME_ONLY,
      username: credentials.username,
    }
  }

  get step(): Step {
    return this.#step
  }

  /** The packet of the current step, under a new tag each time. */
  datagram(): Uint8Array {
    this.#lastTag = (this.#lastTag + 1) & 0xff
    this.#tags.push(this.#lastTag)
    const tag = this.#lastTag
    const t = this.#transcript
    if (this.#step === 'Open Session') {
      const { suite, statesPrivilege, role } = this.#variant
      const privilege = statesPrivilege ? role : 0
      const request = encodeOpenSessionRequest({ tag, privilege, consoleId: t.consoleId, suite })
      return wrapHandshake(PAYLOAD.openSessionRequest, request)
    }
    if (this.#step === 'RAKP 1') return wrapHandshake(PAYLOAD.rakp1, encodeRakp1(tag, t))
    const mac = rakp3Mac(this.#credentials.userKey, t)
    return wrapHandshake(PAYLOAD.rakp3, encodeRakp3(tag, t.bmcId, mac))
  }

  /** Undefined when the packet is no answer to the current step. */
  receive(packet: Packet): Progress | undefined {
    const { payloadType, payload } = packet
    switch (this.#step) {
      case 'Open Session':
        return payloadType === PAYLOAD.openSessionResponse ? this.#opening(payload) : undefined
      case 'RAKP 1': {
        const rakp2 = decodeRakp2(this.#variant.suite, payload)
        return payloadType === PAYLOAD.rakp2 && rakp2 ? this.#rakp2(rakp2) : undefined
      }
      case 'RAKP 3': {
        if (payloadType === PAYLOAD.rakp2) {
          this.#doubled(payload)
          return undefined
        }
        const rakp4 = decodeRakp4(this.#variant.suite, payload)
        return payloadType === PAYLOAD.rakp4 && rakp4 ? this.#rakp4(rakp4) : undefined
      }
    }
  }

  #opening(payload: Uint8Array): Progress | undefined {
    const response = decodeOpenSessionResponse(payload)
    if (!response || !this.#isOurs(response)) return undefined
    const { suite } = this.#variant
    if (!('bmcId' in response)) {
      return failed({ kind: 'open-refused', status: response.status })
    }
    const asAsked =
      response.authentication === suite.authentication &&
      response.integrity === suite.integrity &&
      response.confidentiality === suite.confidentiality
    if (!asAsked) return failed({ kind: 'open-refused' })
    this.#transcript.bmcId = response.bmcId
    return this.#advance('RAKP 1')
  }

  #rakp2(rakp2: Rakp2 | Refusal): Progress | undefined {
    if (!this.#isOurs(rakp2)) return undefined
    // A BMC may draw a new random number for each RAKP 1, so only the answer to the newest counts.
    if (rakp2.tag !== this.#lastTag) return undefined
    if (!('mac' in rakp2)) return this.#refused(rakp2)
    const transcript = Object.assign(this.#transcript, {
      bmcRandom: rakp2.bmcRandom,
      guid: rakp2.guid,
    })
    const expected = rakp2Mac(this.#credentials.userKey, transcript)
    if (!timingSafeEqual(expected, rakp2.mac)) return failed({ kind: 'wrong-password' })
    return this.#advance('RAKP 3')
  }

  /** Another answer to the same RAKP 1, before our proof is out: the BMC goes by its last random number. */
  #doubled(payload: Uint8Array): void {
    const rakp2 = decodeRakp2(this.#variant.suite, payload)
    const unsent = this.#tags.length === 0 && rakp2?.tag === this.#lastTag
    if (!unsent || !rakp2 || !('mac' in rakp2)) return
    const { consoleId, guid } = this.#transcript
    const transcript = { ...this.#transcript, bmcRandom: rakp2.bmcRandom }
    const fits = rakp2.consoleId === consoleId && Buffer.compare(rakp2.guid, guid) === 0
    if (fits && timingSafeEqual(rakp2Mac(this.#credentials.userKey, transcript), rakp2.mac)) {
      this.#transcript.bmcRandom = rakp2.bmcRandom
    }
  }

  #rakp4(rakp4: Rakp4 | Refusal): Progress | undefined {
    if (!this.#isOurs(rakp4)) return undefined
    if (!('icv' in rakp4)) return this.#refused(rakp4)
    const { suite, consoleId, bmcId, guid } = this.#transcript
    const sik = sessionIntegrityKey(this.#credentials.sessionKey, this.#transcript)
    if (!timingSafeEqual(rakp4Icv(sik, this.#transcript), rakp4.icv)) {
      return failed({ kind: 'wrong-kg' })
    }
    const keys = deriveSessionKeys(suite, sik)
    return { kind: 'opened', session: { consoleId, bmcId, guid, keys } }
  }

  #refused({ status, consoleId }: Refusal): Progress {
    if (isRoleRefusal(status)) return failed({ kind: 'role-refused', status })
    if (isStale(status)) return failed({ kind: 'interrupted', step: this.#step })
    if (status === PROOF_REFUSED && this.#step === 'RAKP 3')
      return failed({ kind: 'proof-refused' })
    // This ends all logins, so it takes more than a guessed tag to say it.
    const certain = consoleId === this.#transcript.consoleId
    if (certain && isCredentialRefusal(status)) {
      return failed({ kind: 'credentials-refused', status })
    }
    return failed({ kind: 'refused', status })
  }

  /** Some BMCs leave the console id out of a refusal, or zero. */
  #isOurs(response: { tag: number; status: number; consoleId?: number }): boolean {
    if (!this.#tags.includes(response.tag)) return false
    if (response.consoleId === this.#transcript.consoleId) return true
    return response.status !== 0 && !response.consoleId
  }

  #advance(step: Step): Progress {
    this.#step = step
    this.#tags = []
    return { kind: 'next' }
  }
}

function failed(failure: LoginFailure): Progress {
  return { kind: 'failed', failure }
}
