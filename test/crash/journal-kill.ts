// A journal's disk on which the process dies by SIGKILL at a chosen point of a chosen append. Only what
// `openJournal` takes as an option is used for it.
import { open } from 'node:fs/promises'
import type { OpenFile } from '../../agent/journal/segments.ts'

/**
 * - `before-write`: nothing of the append is on disk.
 * - `torn`: half of it is.
 * - `written`: all of it, but nobody was told that it is durable.
 * - `durable`: the disk has confirmed it, nothing has followed from it.
 * - `sent`: the turn in which its effects leave is over.
 */
export const MOMENTS = ['before-write', 'torn', 'written', 'durable', 'sent'] as const
export type KillMoment = (typeof MOMENTS)[number]

/** Appends are counted from 1 in each life of the process, those that carry a record of an order alone. */
export interface JournalKill {
  append: number
  moment: KillMoment
}

const OF_AN_ORDER = /"order":"(?:rst|opr)_/

export function killingDisk(
  kill: JournalKill | undefined,
  { appended, die }: { appended(kinds: string[]): void; die(): void },
): OpenFile {
  let appends = 0
  return async (path, flags, mode) => {
    const file = await open(path, flags, mode)
    let reached: KillMoment | undefined
    return {
      async write(bytes, offset, length, position) {
        if (offset === 0) {
          const kinds = kindsIn(Buffer.from(bytes).toString('utf8'))
          if (kinds.length > 0) {
            appends += 1
            appended(kinds)
            if (kill?.append === appends) reached = kill.moment
          }
        }
        if (reached === 'before-write') die()
        if (reached === 'torn') {
          await file.write(bytes, offset, Math.floor(length / 2), position)
          die()
        }
        const written = await file.write(bytes, offset, length, position)
        if (reached === 'written') die()
        return written
      },
      truncate: (length) => file.truncate(length),
      async datasync() {
        await file.datasync()
        if (reached === 'durable') die()
        // What leaves in the turn that learns of the sync has left when the turn is over.
        if (reached === 'sent') setImmediate(die)
      },
      close: () => file.close(),
    }
  }
}

/** Kinds of the records of orders in the lines of one append. */
function kindsIn(text: string): string[] {
  return text
    .split('\n')
    .filter((line) => OF_AN_ORDER.test(line))
    .map((line) => /"kind":"([a-z-]+)"/.exec(line.slice(line.indexOf('"epoch"')))?.[1] ?? '?')
}
