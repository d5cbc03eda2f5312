// Reads a site file. No message repeats a line of it: a credential may stand there.
import { parseDocument } from 'yaml'
import { CommandError, EXIT } from './exit.ts'
import type { World } from './world.ts'

/** A site of the largest size allowed has about a megabyte. */
const SITE_FILE_BYTES_MAX = 16 * 1024 * 1024
/** Two for each server of the largest site; more would be an attempt to fill the memory. */
const ALIASES_MAX = 2000

export interface SiteFile {
  document: unknown
  site: string
}

/** @throws CommandError when it cannot be read, is no YAML or JSON, or names no site. */
export async function readSiteFile(
  path: string,
  world: Pick<World, 'readText'>,
): Promise<SiteFile> {
  const document = parseSite(await readFile(path, world), path)
  const metadata = (document as { metadata?: { name?: unknown } } | null)?.metadata
  const site = metadata?.name
  if (typeof site === 'string' && site !== '') return { document, site }
  throw badFile(path, 'metadata.name is missing: it names the site')
}

async function readFile(path: string, { readText }: Pick<World, 'readText'>): Promise<string> {
  try {
    return await readText(path)
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw badFile(path, `it cannot be read${code}`, cause)
  }
}

function parseSite(text: string, path: string): unknown {
  if (text.length > SITE_FILE_BYTES_MAX) throw badFile(path, 'it is too long for a site file')
  const parsed = parseDocument(text, { merge: true, stringKeys: true, logLevel: 'silent' })
  const [error] = parsed.errors
  if (error) {
    const [place] = error.linePos ?? []
    const where = place ? `line ${place.line}, column ${place.col}` : 'somewhere'
    throw badFile(path, `it is no YAML: ${error.code} at ${where}`)
  }
  try {
    // Through JSON, so that what an alias shares between two places becomes two things.
    return JSON.parse(JSON.stringify(parsed.toJS({ maxAliasCount: ALIASES_MAX })) ?? 'null')
  } catch (cause) {
    throw badFile(path, 'its aliases refer to nothing, to themselves or to too much', cause)
  }
}

function badFile(path: string, why: string, cause?: unknown): CommandError {
  return new CommandError(EXIT.usage, `site file ${path}: ${why}`, { code: 'bad-site-file', cause })
}
