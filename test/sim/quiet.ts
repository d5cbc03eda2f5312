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

let underWay = 0
let last: Promise<unknown> = Promise.resolve()
let isOrderly = false
const keyObjects = new WeakMap<object, KeyObject>()

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
    const made = sign(null, bytes as Uint8Array, keyObjectOf(key))
    return Promise.resolve(made.buffer.slice(made.byteOffset, made.byteOffset + made.byteLength))
  })
  replace(subtle, 'verify', (_: unknown, key: unknown, signature: unknown, bytes: unknown) => {
    const good = verify(null, bytes as Uint8Array, keyObjectOf(key), signature as Uint8Array)
    return Promise.resolve(good)
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
  keyObjects.set(made, key.d === undefined ? createPublicKey(from) : createPrivateKey(from))
}

function keyObjectOf(key: unknown): KeyObject {
  const known = keyObjects.get(key as object)
  if (!known) throw new Error('a key that was not imported as JWK')
  return known
}

/** Resolves when no promise is left that could still move by itself. */
export async function quiet(): Promise<void> {
  do await new Promise<void>((resolve) => setImmediate(resolve))
  while (underWay > 0)
}
