// Makes everything that is awaited come back in an order that depends on nothing but the program: signatures
// are made in the turn that asks for them, all other cryptography one after the other, and virtual time goes
// on only when nothing is under way.
import {
  createPrivateKey,
  createPublicKey,
  type JsonWebKey,
  type KeyObject,
  sign,
  verify,
} from 'node:crypto'

type Subtle = Record<string, (...given: unknown[]) => unknown>

interface Key {
  keyObject: KeyObject
  /** The public half. */
  x: string
}

let underWay = 0
let last: Promise<unknown> = Promise.resolve()
let isOrderly = false
const OWN_SIGNATURES_MAX = 2000
const keys = new WeakMap<object, Key>()
const ownSignatures = new Map<string, { x: string; bytes: Buffer }>()

/** In this process for good. Results are the same, only their moment is not left to a thread pool. */
export function makeCryptoOrderly(): void {
  if (isOrderly) return
  isOrderly = true
  const subtle = crypto.subtle as unknown as Subtle
  for (const name of ['importKey', 'exportKey', 'deriveBits', 'deriveKey', 'digest', 'encrypt']) {
    putInOrder(subtle, name)
  }
  for (const name of ['decrypt', 'generateKey', 'wrapKey', 'unwrapKey']) putInOrder(subtle, name)
  replace(subtle, 'sign', (_: unknown, key: unknown, bytes: unknown) => {
    const { keyObject, x } = keyOf(key)
    const made = sign(null, bytes as Uint8Array, keyObject)
    if (ownSignatures.size > OWN_SIGNATURES_MAX) ownSignatures.clear()
    ownSignatures.set(made.toString('latin1'), { x, bytes: Buffer.from(bytes as Uint8Array) })
    return Promise.resolve(made.buffer.slice(made.byteOffset, made.byteOffset + made.byteLength))
  })
  replace(subtle, 'verify', (_: unknown, key: unknown, signature: unknown, bytes: unknown) => {
    return Promise.resolve(isGood(key, Buffer.from(signature as Uint8Array), bytes as Uint8Array))
  })
}

function replace(subtle: object, name: string, value: unknown): void {
  Object.defineProperty(subtle, name, { value, configurable: true, writable: true })
}

function putInOrder(subtle: Record<string, (...given: unknown[]) => unknown>, name: string): void {
  const original = subtle[name]?.bind(subtle)
  if (!original) throw new Error(`this runtime has no subtle.${name}`)
  replace(subtle, name, (...given: unknown[]) => {
    underWay += 1
    const mine = last.then(() => original(...given))
    last = mine.then((made) => {
      if (name === 'importKey') remember(made, given)
      underWay -= 1
    }, failed)
    return mine
  })
}

function failed(): void {
  underWay -= 1
}

/** What a key was made from: the runtime gives it back to nobody. */
function remember(made: unknown, [format, jwk]: unknown[]): void {
  if (format !== 'jwk' || typeof made !== 'object' || made === null) return
  const key = jwk as JsonWebKey
  if (key.crv !== 'Ed25519') return
  const from = { key, format: 'jwk' } as const
  const keyObject = key.d === undefined ? createPublicKey(from) : createPrivateKey(from)
  keys.set(made, { keyObject, x: key.x ?? '' })
}

function keyOf(key: unknown): Key {
  const known = keys.get(key as object)
  if (!known) throw new Error('a key that was not imported as JWK')
  return known
}

/** What was signed here by the other half of this very key, over these very bytes, need not be computed again. */
function isGood(key: unknown, signature: Buffer, bytes: Uint8Array): boolean {
  const { keyObject, x } = keyOf(key)
  const own = ownSignatures.get(signature.toString('latin1'))
  if (own && own.x === x && own.bytes.equals(bytes)) return true
  return verify(null, bytes, keyObject, signature)
}

/** Resolves when no promise is left that could still move by itself. */
export async function quiet(): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve))
  while (underWay > 0)
}
