// What this client sealed before. Sealing the same password twice gives two different texts, so without a
// memory every apply of an unchanged file would look like a change of every credential. It holds no secret:
// an entry is found by a keyed hash whose key comes from the secret by scrypt.
import { createHmac, scryptSync } from 'node:crypto'
import { join } from 'node:path'
import { z } from 'zod'
import type { Random } from '../core/ports.ts'
import type { World } from './world.ts'

const SALT_BYTES = 16
const KEY_BYTES = 32

const fileSchema = z.object({
  v: z.literal(1),
  salt: z.string().regex(/^[0-9a-f]{32}$/),
  /** By site, then by hash: the sealed text. */
  sites: z.record(z.string(), z.record(z.string(), z.string())),
})
type MemoryFile = z.infer<typeof fileSchema>

export class SealedMemory {
  readonly #salt: Uint8Array
  readonly #before: MemoryFile
  readonly #site: string
  readonly #used: Record<string, string> = {}
  /** scrypt is slow on purpose; one site has few different secrets. */
  readonly #keys = new Map<string, Buffer>()

  constructor(file: MemoryFile, site: string) {
    this.#before = file
    this.#salt = Buffer.from(file.salt, 'hex')
    this.#site = site
  }

  /** The sealed form of this secret for this purpose and place, if it was sealed here before. */
  recall(about: readonly string[], secret: string): string | undefined {
    const known = this.#before.sites[this.#site] ?? {}
    const hash = this.#hash(about, secret)
    return Object.hasOwn(known, hash) ? known[hash] : undefined
  }

  remember(about: readonly string[], secret: string, sealed: string): void {
    this.#used[this.#hash(about, secret)] = sealed
  }

  /** What of this site is still in use replaces what was there before. */
  toText(): string {
    const sites = { ...this.#before.sites, [this.#site]: this.#used }
    return `${JSON.stringify({ ...this.#before, sites })}\n`
  }

  #hash(about: readonly string[], secret: string): string {
    const key = this.#keys.get(secret) ?? scryptSync(secret, this.#salt, KEY_BYTES)
    this.#keys.set(secret, key)
    return createHmac('sha256', key).update(JSON.stringify(about)).digest('hex')
  }
}

/** Undefined when there is no place for it: then everything is sealed anew each time. */
export function memoryPath(env: World['env']): string | undefined {
  const home = env['HOME']
  const state = env['XDG_STATE_HOME'] || (home ? join(home, '.local', 'state') : '')
  return state === '' ? undefined : join(state, 'palisade', 'sealed.json')
}

/** An empty one when the file is missing or not readable: a memory is only ever a convenience. */
export async function openMemory(
  path: string,
  site: string,
  world: Pick<World, 'readText' | 'random'>,
): Promise<SealedMemory> {
  return new SealedMemory((await readMemory(path, world)) ?? emptyFile(world.random), site)
}

async function readMemory(
  path: string,
  { readText }: Pick<World, 'readText'>,
): Promise<MemoryFile | undefined> {
  try {
    return fileSchema.parse(JSON.parse(await readText(path)))
  } catch {
    return undefined
  }
}

function emptyFile(random: Random): MemoryFile {
  return { v: 1, salt: Buffer.from(random.bytes(SALT_BYTES)).toString('hex'), sites: {} }
}
