// The SNMP messages of versions 1 and 2c, and the version 3 frame (RFC 1901, RFC 3412 §6, RFC 3414 §2.4).
import { BerReader, element, integer, octets, TAG } from './ber.ts'
import { buildUnit, type ProtocolUnit, parseUnit } from './protocol-unit.ts'

export const FLAG = { auth: 0x01, priv: 0x02, reportable: 0x04 } as const

export interface CommunityMessage {
  version: 1 | 2
  community: Buffer
  unit: ProtocolUnit
}

export interface SecureMessage {
  version: 3
  messageId: number
  flags: number
  engineId: Buffer
  boots: number
  timeS: number
  user: string
  digest: Buffer
  /** Where the digest stands in the datagram. */
  digestAt: number
  salt: Buffer
  /** A scoped unit, or its sealed form where the privacy flag is set. */
  scoped: Buffer
}

export interface ScopedUnit {
  contextName: Buffer
  unit: ProtocolUnit
}

const SECURITY_MODEL_USER = 3
const SIZE_MAX = 65_507

/** Throws MalformedBer; undefined for a version or security model that nobody speaks. */
export function parseMessage(datagram: Buffer): CommunityMessage | SecureMessage | undefined {
  const message = new BerReader(datagram).sequence()
  const version = message.integer()
  if (version === 0 || version === 1) {
    const community = message.octets()
    return { version: version === 0 ? 1 : 2, community, unit: parseUnit(message) }
  }
  return version === 3 ? parseSecure(message) : undefined
}

function parseSecure(message: BerReader): SecureMessage | undefined {
  const header = message.sequence()
  const messageId = header.integer()
  header.integer()
  const flags = header.octets()[0] ?? 0
  if (header.integer() !== SECURITY_MODEL_USER) return undefined
  const wrapped = message.take(TAG.octets)
  const security = new BerReader(wrapped.contents, wrapped.at).sequence()
  const engineId = security.octets()
  const boots = security.integer()
  const timeS = security.integer()
  const user = security.octets().toString('utf8')
  const { contents: digest, at: digestAt } = security.take(TAG.octets)
  const salt = security.octets()
  const scoped = (flags & FLAG.priv) !== 0 ? message.octets() : message.next().contents
  const fields = { messageId, flags, engineId, boots, timeS, user, digest, digestAt, salt, scoped }
  return { version: 3, ...fields }
}

export function buildCommunity(message: CommunityMessage): Buffer {
  return element(
    TAG.sequence,
    integer(message.version - 1),
    octets(message.community),
    buildUnit(message.unit),
  )
}

/** `scoped` are the contents of the scoped unit; throws MalformedBer. */
export function parseScoped(scoped: Buffer): ScopedUnit {
  const reader = new BerReader(scoped)
  reader.octets()
  const contextName = reader.octets()
  return { contextName, unit: parseUnit(reader) }
}

export function buildScoped(engineId: Buffer, { contextName, unit }: ScopedUnit): Buffer {
  return element(TAG.sequence, octets(engineId), octets(contextName), buildUnit(unit))
}

/** `digestAt` of the argument is ignored; the answer says where the digest came to stand. */
export function buildSecure(message: Omit<SecureMessage, 'version' | 'digestAt'>): {
  datagram: Buffer
  digestAt: number
} {
  const security = element(
    TAG.sequence,
    octets(message.engineId),
    integer(message.boots),
    integer(message.timeS),
    octets(message.user),
    octets(message.digest),
    octets(message.salt),
  )
  const sealed = (message.flags & FLAG.priv) !== 0
  const scoped = sealed ? octets(message.scoped) : message.scoped
  const header = element(
    TAG.sequence,
    integer(message.messageId),
    integer(SIZE_MAX),
    octets(Buffer.from([message.flags])),
    integer(SECURITY_MODEL_USER),
  )
  const datagram = element(TAG.sequence, integer(3), header, octets(security), scoped)
  // From the back: the scoped unit, the salt with its two bytes of head, the digest itself.
  const digestAt = datagram.length - scoped.length - message.salt.length - 2 - message.digest.length
  return { datagram, digestAt }
}
