// Who an agent is: its signing key, the key to which peers seal, and the site key that it offers at its
// enrolment. Private halves never leave this directory.
import { chmod, mkdir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import {
  generateSealingJwk,
  generateSigningJwk,
  importOpeningKey,
  importSigningKey,
  type OpeningKey,
  type PublicSealingJwk,
  type PublicSigningJwk,
  privateSealingJwkSchema,
  privateSigningJwkSchema,
  publicSealingJwk,
  publicSigningJwk,
  type SigningKey,
} from '../protocol/keys.ts'
import { readText, replaceFile } from './durable-file.ts'

const FILE = 'identity.json'

const identitySchema = z.object({
  sign: privateSigningJwkSchema,
  seal: privateSealingJwkSchema,
  site: privateSealingJwkSchema,
})

export interface Identity {
  directory: string
  /** Signs hello, heads and votes. */
  signing: SigningKey
  signKey: PublicSigningJwk
  /** Opens what peers seal to this agent. */
  opening: OpeningKey
  sealKey: PublicSealingJwk
  /** Opens credentials, once the site has taken the key offered. */
  siteOpening: OpeningKey
  siteKey: PublicSealingJwk
}

/**
 * Reads the keys of this data directory, or makes them on the first start.
 *
 * @throws when the file is damaged, or open to others.
 */
export async function openIdentity(directory: string): Promise<Identity> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await chmod(directory, 0o700)
  const jwks = (await readKeys(directory)) ?? (await makeKeys(directory))
  return {
    directory,
    signing: await importSigningKey(jwks.sign),
    signKey: publicSigningJwk(jwks.sign),
    opening: await importOpeningKey(jwks.seal),
    sealKey: publicSealingJwk(jwks.seal),
    siteOpening: await importOpeningKey(jwks.site),
    siteKey: publicSealingJwk(jwks.site),
  }
}

async function readKeys(directory: string): Promise<z.infer<typeof identitySchema> | undefined> {
  const path = join(directory, FILE)
  const text = await readText(path)
  if (text === undefined) return undefined
  if (((await stat(path)).mode & 0o077) !== 0) {
    throw new Error(
      `${path} is open to other users; chmod 600 it, and if one may have read it, move the directory away ` +
        'and enrol this agent anew',
    )
  }
  const parsed = identitySchema.safeParse(parseJson(text))
  if (parsed.success) return parsed.data
  // The library's message would show key material.
  throw new Error(`${path} is damaged; move the directory away and enrol this agent anew`)
}

async function makeKeys(directory: string): Promise<z.infer<typeof identitySchema>> {
  const jwks = {
    sign: await generateSigningJwk(),
    seal: await generateSealingJwk(),
    site: await generateSealingJwk(),
  }
  await replaceFile(directory, FILE, `${JSON.stringify(jwks)}\n`)
  return jwks
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
