// A PDU as the network sees it, without the socket: checks who asks, answers from the object tree. Writing
// needs the same rights as reading, as on a PDU with one read-write community.
import type { Clock, Random } from '../../core/ports.ts'
import { BerReader, MalformedBer } from './ber.ts'
import {
  buildCommunity,
  buildScoped,
  buildSecure,
  type CommunityMessage,
  FLAG,
  parseMessage,
  parseScoped,
  type SecureMessage,
} from './message.ts'
import type { Mib } from './mib.ts'
import { type ProtocolUnit, UNIT } from './protocol-unit.ts'
import {
  decrypt,
  digest,
  digestLength,
  digestsEqual,
  encrypt,
  localizeUser,
  type User,
  type UserSettings,
} from './user-security.ts'

export interface SnmpAccess {
  /** For versions 1 and 2c; absent = neither is spoken. */
  community?: string
  /** For version 3. */
  users?: readonly UserSettings[]
}

/** Counters of the security model, by their last OID part (RFC 3414 §5). */
const STATS = {
  unsupportedLevel: 1,
  notInTimeWindow: 2,
  unknownUser: 3,
  unknownEngine: 4,
  wrongDigest: 5,
  decryptionError: 6,
} as const
type Stat = keyof typeof STATS

const TIME_WINDOW_S = 150
const BOOTS = 1

export class SnmpResponder {
  readonly #mib: Mib
  readonly #community: Buffer | undefined
  readonly #users: readonly User[]
  readonly #engineId: Buffer
  readonly #clock: Clock
  readonly #random: Random
  readonly #startedAt: number
  #counters: Record<Stat, number> = {
    unsupportedLevel: 0,
    notInTimeWindow: 0,
    unknownUser: 0,
    unknownEngine: 0,
    wrongDigest: 0,
    decryptionError: 0,
  }

  constructor(
    mib: Mib,
    access: SnmpAccess,
    engineId: Buffer,
    { clock, random }: { clock: Clock; random: Random },
  ) {
    this.#mib = mib
    this.#community = access.community === undefined ? undefined : Buffer.from(access.community)
    this.#users = (access.users ?? []).map((user) => localizeUser(user, engineId))
    this.#engineId = engineId
    this.#clock = clock
    this.#random = random
    this.#startedAt = clock.now()
  }

  /** Never throws on anything that the network can send. */
  handle(datagram: Buffer): Buffer | undefined {
    try {
      const message = parseMessage(datagram)
      if (!message) return undefined
      if (message.version !== 3) return this.#answerCommunity(message)
      return this.#answerSecure(message, datagram)
    } catch (error) {
      if (error instanceof MalformedBer) return undefined
      throw error
    }
  }

  #answerCommunity(message: CommunityMessage): Buffer | undefined {
    if (!this.#community?.equals(message.community)) return undefined
    const unit = this.#mib.answer(message.unit, message.version)
    return unit && buildCommunity({ ...message, unit })
  }

  #answerSecure(message: SecureMessage, datagram: Buffer): Buffer | undefined {
    if (!message.engineId.equals(this.#engineId)) return this.#report(message, 'unknownEngine')
    const user = this.#users.find(({ name }) => name === message.user)
    if (!user) return this.#report(message, 'unknownUser')
    const level = (user.auth ? FLAG.auth : 0) | (user.priv ? FLAG.priv : 0)
    if ((message.flags & (FLAG.auth | FLAG.priv)) !== level) {
      return this.#report(message, 'unsupportedLevel')
    }
    if (user.auth && !this.#authentic(user.auth, message, datagram)) {
      return this.#report(message, 'wrongDigest')
    }
    const late = Math.abs(message.timeS - this.#timeS) > TIME_WINDOW_S || message.boots !== BOOTS
    if (user.auth && late) return this.#report(message, 'notInTimeWindow', user)
    const scoped = this.#unseal(user, message)
    if (!scoped) return this.#report(message, 'decryptionError')
    const { contextName, unit: request } = parseScoped(scoped)
    const unit = this.#mib.answer(request, 3)
    return unit && this.#build(message, user, buildScoped(this.#engineId, { contextName, unit }))
  }

  #authentic(auth: NonNullable<User['auth']>, message: SecureMessage, datagram: Buffer): boolean {
    if (message.digest.length !== digestLength(auth.protocol)) return false
    const blank = Buffer.from(datagram)
    blank.fill(0, message.digestAt, message.digestAt + message.digest.length)
    return digestsEqual(digest(auth, blank), message.digest)
  }

  #unseal(user: User, message: SecureMessage): Buffer | undefined {
    if (!user.priv) return message.scoped
    const plain = decrypt(user.priv, message, message.salt, message.scoped)
    // The plain text is the whole scoped unit with its head, perhaps padded.
    return plain && new BerReader(plain).sequence().bytes
  }

  #report(message: SecureMessage, stat: Stat, user?: User): Buffer | undefined {
    this.#counters[stat] = (this.#counters[stat] + 1) % 2 ** 32
    if ((message.flags & FLAG.reportable) === 0) return undefined
    const unit: ProtocolUnit = {
      type: UNIT.report,
      requestId: 0,
      errorStatus: 0,
      errorIndex: 0,
      varbinds: [
        {
          oid: [1, 3, 6, 1, 6, 3, 15, 1, 1, STATS[stat], 0],
          value: { type: 'counter32', value: this.#counters[stat] },
        },
      ],
    }
    const scoped = buildScoped(this.#engineId, { contextName: Buffer.alloc(0), unit })
    // A report about time is authenticated, so that the manager may trust the time in it.
    const sender: User = { name: user?.name ?? '', auth: user?.auth, priv: undefined }
    return this.#build(message, sender, scoped)
  }

  #build(request: SecureMessage, user: User, scoped: Buffer): Buffer {
    const moment = { boots: BOOTS, timeS: this.#timeS }
    const salt = user.priv ? Buffer.from(this.#random.bytes(8)) : Buffer.alloc(0)
    const { datagram, digestAt } = buildSecure({
      messageId: request.messageId,
      flags: (user.auth ? FLAG.auth : 0) | (user.priv ? FLAG.priv : 0),
      engineId: this.#engineId,
      ...moment,
      user: user.name,
      digest: Buffer.alloc(user.auth ? digestLength(user.auth.protocol) : 0),
      salt,
      scoped: user.priv ? encrypt(user.priv, moment, salt, scoped) : scoped,
    })
    if (user.auth) digest(user.auth, datagram).copy(datagram, digestAt)
    return datagram
  }

  get #timeS(): number {
    return Math.floor((this.#clock.now() - this.#startedAt) / 1000)
  }
}
