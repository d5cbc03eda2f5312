// What stands in for the records that a journal has dropped: where the chain goes on, and what must not be
// forgotten of them. One file, replaced as a whole.
import { join } from 'node:path'
import { z } from 'zod'
import { recordSchema } from '../../protocol/report.ts'
import type { Disk } from '../disk.ts'
import { readText, replaceFile } from '../durable-file.ts'
import { hashOf } from './line.ts'
import type { JournalMemory } from './memory.ts'

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

export async function writeSnapshot(
  directory: string,
  snapshot: Snapshot,
  disk: Disk,
): Promise<void> {
  const text = JSON.stringify(snapshot)
  await replaceFile(directory, FILE, `${hashOf(text)}\n${text}\n`, disk)
}

/** Undefined when nothing was ever dropped. Throws when the file is damaged. */
export async function readSnapshot(directory: string, disk: Disk): Promise<Snapshot | undefined> {
  const whole = await readText(join(directory, FILE), disk)
  if (whole === undefined) return undefined
  const [sum, text = ''] = whole.split('\n')
  const parsed = snapshotSchema.safeParse(sum === hashOf(text) ? JSON.parse(text) : undefined)
  if (parsed.success) return parsed.data
  throw new Error(`${join(directory, FILE)} is damaged`)
}
