// What lies on this machine: logs of all generations, what the journals hold by number, and every file by name,
// size and mode. No key, token or journal record is ever put into the archive from here.
import { constants } from 'node:fs'
import { lstat, open, readdir, statfs } from 'node:fs/promises'
import { arch, availableParallelism, freemem, platform, release, totalmem, uptime } from 'node:os'
import { join } from 'node:path'
import { journalStatistics } from './journal-statistics.ts'
import { jsonPart, type Notes, type Parts, step } from './part.ts'

/** Of one log file; a generation has five megabytes. */
const LOG_BYTES_MAX = 16 * 1024 * 1024
const LOGS_MAX = 200
const FILES_MAX = 20_000
/** Thousands of files of no interest: only their number and size are told. */
const SUMMARISED = new Set(['database'])

export async function* machineParts(directory: string, notes: Notes): Parts {
  yield jsonPart('machine/host.json', await host(directory))
  const files = await listFiles(directory, notes)
  yield { path: 'machine/files.txt', text: files.map((line) => `${line}\n`).join('') }
  yield* logs(join(directory, 'logs'), notes)
  for (const { path, at } of await journalsIn(directory, notes)) {
    try {
      yield jsonPart(path, await journalStatistics(at))
    } catch (error) {
      notes.add(path, codeOf(error))
    }
  }
}

async function host(directory: string): Promise<object> {
  const disk = await statfs(directory).catch(() => undefined)
  return {
    node: process.version,
    platform: platform(),
    release: release(),
    arch: arch(),
    processors: availableParallelism(),
    memoryBytes: { total: totalmem(), free: freemem() },
    uptimeS: Math.round(uptime()),
    diskBytes: disk && { total: disk.blocks * disk.bsize, free: disk.bavail * disk.bsize },
  }
}

async function* logs(directory: string, notes: Notes): Parts {
  const names = await entriesOf(directory, 'machine/logs', notes)
  const wanted = names.filter((name) => /\.log(\.\d+)?$/.test(name)).sort()
  for (const name of wanted.slice(0, LOGS_MAX)) {
    const path = `machine/logs/${step(name)}`
    try {
      yield { path, text: await readEnd(join(directory, name), path, notes) }
    } catch (error) {
      notes.add(path, codeOf(error))
    }
  }
}

/** Never through a link: it might lead to a key. */
async function readEnd(file: string, path: string, notes: Notes): Promise<string> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const about = await handle.stat()
    if (!about.isFile()) throw new Error('not a plain file')
    const length = Math.min(about.size, LOG_BYTES_MAX)
    if (length < about.size) notes.add(path, `only its last ${LOG_BYTES_MAX} bytes`)
    const { buffer, bytesRead } = await handle.read(
      Buffer.alloc(length),
      0,
      length,
      about.size - length,
    )
    return buffer.toString('utf8', 0, bytesRead)
  } finally {
    await handle.close()
  }
}

/** The journals of the agents that `npm start` holds, and that of an agent whose own directory this is. */
async function journalsIn(
  directory: string,
  notes: Notes,
): Promise<{ path: string; at: string }[]> {
  const found: { path: string; at: string }[] = []
  const own = join(directory, 'journal')
  if (await isDirectory(own)) found.push({ path: 'machine/journal.json', at: own })
  const agents = join(directory, 'agents')
  if (!(await isDirectory(agents))) return found
  for (const site of await entriesOf(agents, 'machine/agents', notes)) {
    const inSite = join(agents, site)
    for (const name of await entriesOf(inSite, `machine/agents/${step(site)}`, notes)) {
      const path = `machine/agents/${step(site)}/${step(name)}/journal.json`
      found.push({ path, at: join(inSite, name, 'journal') })
    }
  }
  return found
}

/** One line for each: mode, size, instant of the last change, path. */
async function listFiles(directory: string, notes: Notes): Promise<string[]> {
  const lines: string[] = []
  const waiting = ['']
  for (let path = waiting.pop(); path !== undefined; path = waiting.pop()) {
    if (lines.length >= FILES_MAX) {
      notes.add('machine/files.txt', `only the first ${FILES_MAX}`)
      break
    }
    try {
      const about = await lstat(join(directory, path))
      const mode = about.mode.toString(8).padStart(6, '0')
      const summarised = about.isDirectory() && SUMMARISED.has(path)
      const content = summarised ? `  (${await summary(join(directory, path))})` : ''
      const changed = about.mtime.toISOString()
      lines.push(`${mode} ${String(about.size).padStart(12)} ${changed} ./${path}${content}`)
      if (!about.isDirectory() || summarised) continue
      const names = (await readdir(join(directory, path))).sort().reverse()
      waiting.push(...names.map((name) => join(path, name)))
    } catch (error) {
      notes.add(`machine/files.txt ./${path}`, codeOf(error))
    }
  }
  return lines
}

async function summary(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  let bytes = 0
  for (const entry of entries) {
    if (!entry.isFile()) continue
    bytes += (await lstat(join(entry.parentPath, entry.name)).catch(() => undefined))?.size ?? 0
  }
  return `${entries.length} entries, ${bytes} bytes`
}

async function entriesOf(directory: string, path: string, notes: Notes): Promise<string[]> {
  try {
    return (await readdir(directory)).sort()
  } catch (error) {
    notes.add(path, codeOf(error))
    return []
  }
}

export async function isDirectory(path: string): Promise<boolean> {
  return await lstat(path).then(
    (about) => about.isDirectory(),
    () => false,
  )
}

function codeOf(error: unknown): string {
  if (error instanceof Error && 'code' in error) return String(error.code)
  return error instanceof Error ? error.message : 'it cannot be read'
}
