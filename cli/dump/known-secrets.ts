// Secrets that this machine holds. They are read for one purpose: to be searched for in the archive, and masked.
import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { readSiteFile } from '../site-file.ts'
import { resolveSecrets, secretPlaces } from '../site-secrets.ts'
import type { World } from '../world.ts'
import type { Notes } from './part.ts'

/** The tokens and passwords of the environment. */
export async function secretsOfEnvironment({ env, readText }: World): Promise<string[]> {
  const file = env['PALISADE_TOKEN_FILE']
  const inFile = file ? await readText(file).catch(() => '') : ''
  const database = env['PALISADE_DATABASE_URL'] ?? ''
  const password = URL.canParse(database) ? decodeURIComponent(new URL(database).password) : ''
  return [env['PALISADE_TOKEN'] ?? '', inFile, password].map((text) => text.trim())
}

/** Tokens and private keys of a data directory, and the passwords of its simulated machine room. */
export async function secretsOfDirectory(
  directory: string,
  world: World,
  notes: Notes,
): Promise<string[]> {
  const tokens = ['admin-token', 'enrolment-token'].map((name) => textOf(join(directory, name)))
  const keys = ['signing-key.jwk', 'identity.json'].map((name) => textOf(join(directory, name)))
  for (const agent of await agentDirectories(join(directory, 'agents'))) {
    keys.push(textOf(join(agent, 'identity.json')))
  }
  const found = (await Promise.all(tokens)).map((text) => text.trim())
  for (const text of await Promise.all(keys)) found.push(...privateHalves(text))
  const lab = join(directory, 'lab', 'site.yaml')
  if ((await textOf(lab)) !== '') found.push(...(await secretsOfSiteFile(lab, world, notes)))
  return found
}

/** The credentials of a site file, resolved as `apply` resolves them. */
export async function secretsOfSiteFile(
  path: string,
  world: World,
  notes: Notes,
): Promise<string[]> {
  const { document } = await readSiteFile(path, world)
  const found: string[] = []
  for (const place of secretPlaces(document)) {
    const resolved = await resolveSecrets([place], world, path)
    if ('secrets' in resolved) found.push(...resolved.secrets.map(({ secret }) => secret))
    else notes.add(`${path} ${place.pointer}`, 'not known here, so it could not be searched for')
  }
  return found
}

async function agentDirectories(agents: string): Promise<string[]> {
  const sites = await readdir(agents).catch(() => [])
  const inSites = await Promise.all(
    sites.map(async (site) => {
      const names = await readdir(join(agents, site)).catch(() => [])
      return names.map((name) => join(agents, site, name))
    }),
  )
  return inSites.flat()
}

async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '')
}

/** Every `d` of the JWKs in a JSON text, as it is written there and as its bytes read in hex. */
function privateHalves(text: string): string[] {
  return [...text.matchAll(/"d"\s*:\s*"([A-Za-z0-9_-]+)"/g)].flatMap(([, half = '']) => {
    const bytes = Buffer.from(half, 'base64url')
    return [half, bytes.toString('base64').replace(/=+$/, ''), bytes.toString('hex')]
  })
}
