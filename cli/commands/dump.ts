// palisade dump: one archive with all that support needs to see, and no secret in it.
import { pipeline, Readable } from 'node:stream'
import { createGzip } from 'node:zlib'
import { type Client, connect, reasonOf } from '../client.ts'
import type { Call, Command } from '../command.ts'
import { controlPlaneParts } from '../dump/control-plane-parts.ts'
import { type Guard, makeGuard } from '../dump/guard.ts'
import {
  secretsOfDirectory,
  secretsOfEnvironment,
  secretsOfSiteFile,
} from '../dump/known-secrets.ts'
import { isDirectory, machineParts } from '../dump/machine-parts.ts'
import { jsonPart, Notes, type Part, type Parts } from '../dump/part.ts'
import { type TarFile, tar } from '../dump/tar.ts'
import { CommandError, EXIT } from '../exit.ts'
import { printJson } from '../print.ts'

const DATA_DEFAULT = '.palisade'
const DAYS_DEFAULT = 7
const DAY_MS = 86_400_000

export const dumpCommand: Command = {
  words: ['dump'],
  summary: 'collect logs, settings, states, audit and versions into one archive for support',
  options: {
    output: {
      type: 'string',
      short: 'o',
      value: 'FILE',
      summary: 'the archive; default palisade-dump-INSTANT.tar.gz, here',
    },
    data: {
      type: 'string',
      value: 'DIR',
      summary: 'data directory on this machine; default .palisade, when it is there',
    },
    days: { type: 'string', value: 'N', summary: 'how far back audit and logs go; default 7' },
    file: {
      type: 'string',
      short: 'f',
      value: 'SITE-FILE',
      summary: 'search the archive for the credentials of this site file too, and mask them',
    },
  },
  notes: [
    'What cannot be had is a note in notes.txt, and no failure. Sealed credentials are shown as fingerprints;',
    'everything is searched for secrets before it is written. Look through the archive before you send it.',
  ],
  offline: () => true,
  run: runDump,
}

interface Written {
  path: string
  bytes: number
  masked: number
}

async function runDump(call: Call) {
  const { args, world } = call
  const days = args.integer('days', 1, 400) ?? DAYS_DEFAULT
  const madeAtMs = world.clock.wallMs()
  const name = `palisade-dump-${compact(madeAtMs)}`
  const output = args.text('output') ?? `${name}.tar.gz`
  const notes = new Notes()
  const directory = await findDirectory(call, notes)
  const siteFile = args.text('file')
  const known = [
    ...(await secretsOfEnvironment(world)),
    ...(directory === undefined ? [] : await secretsOfDirectory(directory, world, notes)),
    ...(siteFile === undefined ? [] : await secretsOfSiteFile(siteFile, world, notes)),
  ]
  const written: Written[] = []
  const from = new Date(madeAtMs - days * DAY_MS).toISOString().replace('Z', '000Z')
  const parts = allParts({ client: await reach(call, notes), directory, from, notes })
  const root = { name, modifiedAtS: Math.floor(madeAtMs / 1000), notes, written }
  const archive = gzip(tar(filesOf(parts, makeGuard(known), root)))
  try {
    await world.writePrivate(output, archive)
  } catch (cause) {
    if (!(cause instanceof Error && 'code' in cause)) throw cause
    const message = `cannot write ${output}: ${reasonOf(cause)}`
    throw new CommandError(EXIT.failed, message, { code: 'cannot-write', cause })
  }
  const masked = written.reduce((sum, part) => sum + part.masked, 0)
  if (call.json) {
    printJson(world, { file: output, parts: written.length, notes: notes.count, masked })
  } else {
    world.out(`${output}\n`)
    world.err(
      `${written.length} parts, ${notes.count} notes (see notes.txt in it), ${masked} places masked\n`,
    )
  }
  return EXIT.done
}

/** Undefined, with a note, when there is no way to a control plane at all. */
async function reach({ world }: Call, notes: Notes): Promise<Client | undefined> {
  try {
    return await connect(world)
  } catch (error) {
    if (!(error instanceof CommandError)) throw error
    notes.add('control plane', error.message)
    return undefined
  }
}

async function findDirectory({ args }: Call, notes: Notes): Promise<string | undefined> {
  const named = args.text('data')
  const directory = named ?? DATA_DEFAULT
  if (await isDirectory(directory)) return directory
  const said =
    named === undefined ? 'no --data given and no .palisade here' : `${named} is not there`
  notes.add('machine', said)
  return undefined
}

async function* allParts({
  client,
  directory,
  from,
  notes,
}: {
  client: Client | undefined
  directory: string | undefined
  from: string
  notes: Notes
}): Parts {
  if (client !== undefined) yield* controlPlaneParts({ client, notes, from })
  if (directory !== undefined) yield* machineParts(directory, notes)
}

/** Every part through the guard, then the list of them and the notes, which go through it too. */
async function* filesOf(
  parts: Parts,
  guard: Guard,
  root: { name: string; modifiedAtS: number; notes: Notes; written: Written[] },
): AsyncGenerator<TarFile> {
  const { name, modifiedAtS, notes, written } = root
  const fileOf = (part: Part): TarFile => {
    const { text, masked } = guard(part)
    const content = Buffer.from(text)
    written.push({ path: part.path, bytes: content.length, masked })
    if (masked > 0) notes.add(part.path, maskedNote(masked, part.signed ?? false))
    return { path: `${name}/${part.path}`, content, modifiedAtS }
  }
  for await (const part of parts) yield fileOf(part)
  yield fileOf(jsonPart('contents.json', { format: 1, parts: [...written] }))
  yield fileOf({ path: 'notes.txt', text: notes.toText() })
}

function maskedNote(masked: number, signed: boolean): string {
  const proof = signed ? '; the proof of what was masked is lost in this copy' : ''
  return `masked in ${masked} places that looked like a secret${proof}`
}

/** A failure on the way in comes out of the end that is read. */
function gzip(chunks: AsyncIterable<Uint8Array>): AsyncIterable<Uint8Array> {
  return pipeline(Readable.from(chunks), createGzip(), () => {})
}

function compact(ms: number): string {
  return `${new Date(ms).toISOString().replaceAll(/[-:]|\.\d+/g, '')}`
}
