// The user-based security model: keys bound to one engine, digests, encryption (RFC 3414, RFC 3826, RFC 7860).
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  timingSafeEqual,
} from 'node:crypto'

const DIGEST_LENGTH = { md5: 12, sha: 12, sha224: 16, sha256: 24, sha384: 32, sha512: 48 } as const
const HASH = {
  md5: 'md5',
  sha: 'sha1',
  sha224: 'sha224',
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
} as const

export type AuthProtocol = keyof typeof HASH
export type PrivProtocol = 'des' | 'aes' | 'aes256b' | 'aes256r'

export interface UserSettings {
  user: string
  auth?: { protocol: AuthProtocol; password: string }
  priv?: { protocol: PrivProtocol; password: string }
}

/** A user with its keys already bound to the engine of the device. */
export interface User {
  name: string
  auth: { protocol: AuthProtocol; key: Buffer } | undefined
  priv: { protocol: PrivProtocol; key: Buffer } | undefined
}

export interface EngineMoment {
  boots: number
  timeS: number
}

export function localizeUser(settings: UserSettings, engineId: Uint8Array): User {
  const { auth, priv } = settings
  const hash = auth && HASH[auth.protocol]
  return {
    name: settings.user,
    auth: auth && {
      protocol: auth.protocol,
      key: localize(HASH[auth.protocol], Buffer.from(auth.password), engineId),
    },
    priv:
      priv && hash ? { protocol: priv.protocol, key: privacyKey(priv, hash, engineId) } : undefined,
  }
}

export function digestLength(protocol: AuthProtocol): number {
  return DIGEST_LENGTH[protocol]
}

/** `whole` is the message with the digest field zeroed. */
export function digest(auth: { protocol: AuthProtocol; key: Buffer }, whole: Uint8Array): Buffer {
  const mac = createHmac(HASH[auth.protocol], auth.key).update(whole).digest()
  return mac.subarray(0, digestLength(auth.protocol))
}

export function digestsEqual(a: Buffer, b: Buffer): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

type Privacy = { protocol: PrivProtocol; key: Buffer }

/** Undefined when the parameters or the length cannot be right. */
export function decrypt(
  priv: Privacy,
  moment: EngineMoment,
  salt: Buffer,
  sealed: Buffer,
): Buffer | undefined {
  if (salt.length !== 8 || sealed.length === 0) return undefined
  if (priv.protocol === 'des' && sealed.length % 8 !== 0) return undefined
  const { cipher, key, iv } = parameters(priv, moment, salt)
  const decipher = createDecipheriv(cipher, key, iv)
  decipher.setAutoPadding(false)
  return Buffer.concat([decipher.update(sealed), decipher.final()])
}

export function encrypt(priv: Privacy, moment: EngineMoment, salt: Buffer, plain: Buffer): Buffer {
  const { cipher, key, iv } = parameters(priv, moment, salt)
  const encipher = createCipheriv(cipher, key, iv)
  encipher.setAutoPadding(false)
  const pad = priv.protocol === 'des' ? Buffer.alloc((8 - (plain.length % 8)) % 8) : Buffer.alloc(0)
  return Buffer.concat([encipher.update(plain), encipher.update(pad), encipher.final()])
}

function parameters(priv: Privacy, moment: EngineMoment, salt: Buffer) {
  if (priv.protocol === 'des') {
    const single = priv.key.subarray(0, 8)
    const iv = Buffer.from(priv.key.subarray(8, 16))
    for (const [i, byte] of salt.entries()) iv.writeUInt8(iv.readUInt8(i) ^ byte, i)
    // Triple DES with three equal keys is DES, which Node itself no longer offers.
    return { cipher: 'des-ede3-cbc', key: Buffer.concat([single, single, single]), iv }
  }
  const iv = Buffer.alloc(16)
  iv.writeUInt32BE(moment.boots >>> 0, 0)
  iv.writeUInt32BE(moment.timeS >>> 0, 4)
  salt.copy(iv, 8)
  return priv.protocol === 'aes'
    ? { cipher: 'aes-128-cfb', key: priv.key.subarray(0, 16), iv }
    : { cipher: 'aes-256-cfb', key: priv.key.subarray(0, 32), iv }
}

function privacyKey(
  { protocol, password }: { protocol: PrivProtocol; password: string },
  hash: string,
  engineId: Uint8Array,
): Buffer {
  let key = localize(hash, Buffer.from(password), engineId)
  const wanted = protocol.startsWith('aes256') ? 32 : 16
  while (key.length < wanted) {
    const more =
      protocol === 'aes256r' ? localize(hash, key, engineId) : createHash(hash).update(key).digest()
    key = Buffer.concat([key, more])
  }
  return key
}

/** A megabyte of repeated password, hashed, then bound to the engine (RFC 3414 §2.6). */
function localize(hash: string, password: Buffer, engineId: Uint8Array): Buffer {
  const spread = createHash(hash).update(Buffer.alloc(1_048_576, password)).digest()
  return createHash(hash).update(spread).update(engineId).update(spread).digest()
}
