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
import { createToken } from '../../db/tokens.ts'
import {
  generateSigningJwk,
  importSigningKey,
  type PrivateSigningJwk,
  privateSigningJwkSchema,
  publicSigningJwk,
} from '../../protocol/keys.ts'
import { hashToken, makeToken } from '../auth.ts'
import type { ControlPlaneKey } from '../ports.ts'
import { isCode } from './directory-lock.ts'

export function openDataDirectory(directory: string): void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
}

/** The key that signs orders; made at the first start. */
export async function loadSigningKey(
  directory: string,
  db: Db,
  clock: Clock,
): Promise<ControlPlaneKey> {
  const file = join(directory, 'signing-key.jwk')
  if (!existsSync(file)) keepSecret(file, JSON.stringify(await generateSigningJwk()))
  const jwk = readJwk(file)
  const sign = await importSigningKey(jwk)
  const key = publicSigningJwk(jwk)
  await registerControlPlaneKey(db, { kid: sign.kid, key, createdAt: clock.wall() })
  return { sign, jwk: key }
}

function readJwk(file: string): PrivateSigningJwk {
  const parsed = privateSigningJwkSchema.safeParse(parseJson(readFileSync(file, 'utf8')))
  // The cause would repeat the content.
  if (!parsed.success) throw new Error(`${file} is not a private Ed25519 key as JWK`)
  return parsed.data
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The token of the first administrator. Returns the file that holds it. */
export async function loadAdminToken(
  directory: string,
  db: Db,
  ports: { clock: Clock; random: Random },
): Promise<string> {
  const file = join(directory, 'admin-token')
  if (!existsSync(file)) keepSecret(file, `${makeToken(ports.random)}\n`)
  const token = readFileSync(file, 'utf8').trim()
  if (!/^pal_[A-Za-z0-9_-]{20,}$/.test(token)) throw new Error(`${file} holds no token`)
  const hash = hashToken(token)
  // A token that was revoked stays so: its hash is known already.
  await createToken(db, {
    id: `tok_${hash.slice(0, 24)}`,
    hash,
    name: 'admin',
    scope: 'admin',
    site: null,
    cluster: null,
    createdAt: ports.clock.wall(),
    createdBy: 'start',
    expiresAtMs: null,
  })
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
