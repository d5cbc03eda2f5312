// What stands in for the records that a journal has dropped: where the chain goes on, and what must not be
// forgotten of them. One file, replaced as a whole.
import { open, readFile, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { recordSchema } from '../protocol/report.ts'
import { hashOf } from './journal-line.ts'
import type { JournalMemory } from './journal-memory.ts'

const snapshotSchema = z.object({
  /** The last record dropped, and its hash: the first segment follows it. */
  seq: z.number().int().nonnegative(),
  hash: z.string().regex(/^[0-9a-f]{64}$/),
  watermarkMs: z.number(),
  seen: z.array(z.tuple([z.string(), z.number()])),
  /** Dropped records of orders that are open or have a loose effect. */
  records: z.array(recordSchema),
})
export type Snapshot = z.infer<typeof snapshotSchema>

const FILE = 'snapshot'

export function snapshotOf(
  memory: JournalMemory,
  dropped: { seq: number; hash: string },
): Snapshot {
  return {
    ...dropped,
    watermarkMs: memory.replay.watermarkMs,
    seen: [...memory.replay.seen],
    records: [...memory.orders.values()]
      .flatMap(({ records }) => records.filter(({ seq }) => seq <= dropped.seq))
      .sort((a, b) => a.seq - b.seq),
  }
}

export async function writeSnapshot(directory: string, snapshot: Snapshot): Promise<void> {
  const text = JSON.stringify(snapshot)
  await replaceFile(directory, FILE, `${hashOf(text)}\n${text}\n`)
}

/** Undefined when nothing was ever dropped. Throws when the file is damaged. */
export async function readSnapshot(directory: string): Promise<Snapshot | undefined> {
  const whole = await readText(join(directory, FILE))
  if (whole === undefined) return undefined
  const [sum, text = ''] = whole.split('\n')
  const parsed = snapshotSchema.safeParse(sum === hashOf(text) ? JSON.parse(text) : undefined)
  if (parsed.success) return parsed.data
  throw new Error(`${join(directory, FILE)} is damaged`)
}

/** Replaces a file so that after a power loss either the old or the new one is there, whole. */
export async function replaceFile(directory: string, name: string, text: string): Promise<void> {
  const path = join(directory, name)
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
  await syncDirectory(directory)
}

/** Makes created, renamed and removed names durable. */
export async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Undefined when there is no such file. */
export async function readText(path: string): Promise<string | undefined> {
  try {
    return await readFile(path, 'utf8')
  } catch (error) {
    if (isCode(error, 'ENOENT')) return undefined
    throw error
  }
}

export function isCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
