// The version of this program, from its package.
import { readFile } from 'node:fs/promises'
import { z } from 'zod'

export async function ownVersion(): Promise<string> {
  const text = await readFile(new URL('../package.json', import.meta.url), 'utf8')
  return z.object({ version: z.string() }).parse(JSON.parse(text)).version
}
