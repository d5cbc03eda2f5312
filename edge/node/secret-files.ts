// What the control plane keeps in its data directory: the signing key and the admin token, for this user only.
import {
  chmodSync,
  existsSync,
  linkSync,
  mkdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { Clock, Random } from '../../core/ports.ts'
import type { Db } from '../../db/client.ts'
import { registerControlPlaneKey } from '../../db/control-plane-keys.ts'
import {
  generateSigningJwk,
  importSigningKey,
  type PrivateSigningJwk,
  privateSigningJwkSchema,
  publicSigningJwk,
} from '../../protocol/keys.ts'
import { registerAdminToken } from '../admin-token.ts'
import { makeToken } from '../auth.ts'
import { isExampleToken, isKnownSigningKey } from '../known-secrets.ts'
import type { ControlPlaneKey } from '../ports.ts'
import { isCode } from './directory-lock.ts'

export function openDataDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
}

/** The file of the key that signs orders; made at the first start. */
export async function ensureSigningKey(directory: string): Promise<string> {
  const file = join(directory, 'signing-key.jwk')
  if (!existsSync(file)) keepSecret(file, JSON.stringify(await generateSigningJwk()))
  return file
}

export async function loadSigningKey(
  directory: string,
  db: Db,
  clock: Clock,
): Promise<ControlPlaneKey> {
  const jwk = readJwk(await ensureSigningKey(directory))
  const sign = await importSigningKey(jwk)
  const key = publicSigningJwk(jwk)
  await registerControlPlaneKey(db, { kid: sign.kid, key, createdAt: clock.wall() })
  return { sign, jwk: key }
}

function readJwk(file: string): PrivateSigningJwk {
  const parsed = privateSigningJwkSchema.safeParse(parseJson(readFileSync(file, 'utf8')))
  // The cause would repeat the content.
  if (!parsed.success) throw new Error(`${file} is not a private Ed25519 key as JWK`)
  if (isKnownSigningKey(parsed.data)) {
    throw new Error(`${file} holds a key that everybody knows; move it away, and a new one is made`)
  }
  return parsed.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The file of the first administrator's token; made at the first start. */
export function ensureAdminToken(directory: string, random: Random): string {
  const file = join(directory, 'admin-token')
  if (!existsSync(file)) keepSecret(file, `${makeToken(random)}\n`)
  return file
}

/** Returns the file that holds the token. */
export async function loadAdminToken(
  directory: string,
  db: Db,
  { clock, random }: { clock: Clock; random: Random },
): Promise<string> {
  const file = ensureAdminToken(directory, random)
  const token = readFileSync(file, 'utf8').trim()
  if (!/^pal_[A-Za-z0-9_-]{20,}$/.test(token)) throw new Error(`${file} holds no token`)
  if (isExampleToken(token)) {
    throw new Error(`${file} holds an example; move it away, and a new one is made`)
  }
  await registerAdminToken(db, token, clock)
  return file
}

/** Whole or not at all, and never over an older one. */
function keepSecret(file: string, content: string): void {
  const draft = `${file}.${process.pid}`
  writeFileSync(draft, content, { mode: 0o600, flush: true })
  chmodSync(draft, 0o600)
  try {
    linkSync(draft, file)
  } catch (error) {
    if (!isCode(error, 'EEXIST')) throw error
  }
  rmSync(draft, { force: true })
}
