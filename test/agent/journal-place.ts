// A journal in a directory of its own, for tests, with a disk that can be told to fail.
import { mkdtemp, open, readdir, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { onTestFinished } from 'vitest'
import { type Journal, openJournal } from '../../agent/journal/journal.ts'
import type { JournalOptions } from '../../agent/journal/opening.ts'
import type { OpenFile } from '../../agent/journal/segments.ts'
import type { Body } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'

export async function place(): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'palisade-journal-'))
  onTestFinished(() => rm(directory, { recursive: true, force: true }))
  return directory
}

/** Opened again in the same directory it goes on where it was. */
export async function openAt(
  directory: string,
  options: Partial<JournalOptions> = {},
): Promise<Journal> {
  const journal = await openJournal({
    directory,
    site: 'tokyo1',
    agent: 'HACON1',
    clock: nodeClock,
    reserveBytes: 65_536,
    ...options,
  })
  onTestFinished(() => journal.close().catch(() => {}))
  return journal
}

export function note(revision: number, detail = ''): Body {
  return { kind: 'configured', revision, detail }
}

export async function segmentPaths(directory: string): Promise<string[]> {
  const names = (await readdir(directory)).filter((name) => name.startsWith('records-')).sort()
  return names.map((name) => join(directory, name))
}

export class FaultyDisk {
  syncs = 0
  /** Errors for the next writes and syncs, in order; undefined lets one pass. */
  readonly writeFaults: (string | undefined)[] = []
  readonly syncFaults: (string | undefined)[] = []
  /** While set, a sync waits for it. */
  held: Promise<void> | undefined

  /** Only files of records are faulty. */
  readonly openFile: OpenFile = async (path, flags, mode) => {
    const file = await open(path, flags, mode)
    if (!basename(path).startsWith('records-')) return file
    return {
      write: async (bytes, offset, length, position) => {
        const code = this.writeFaults.shift()
        if (code === undefined) return file.write(bytes, offset, length, position)
        // A full disk takes a part first.
        await file.write(bytes, offset, Math.floor(length / 2), position)
        throw Object.assign(new Error(code), { code })
      },
      truncate: (length) => file.truncate(length),
      datasync: async () => {
        this.syncs += 1
        await this.held
        const code = this.syncFaults.shift()
        if (code !== undefined) throw Object.assign(new Error(code), { code })
        await file.datasync()
      },
      close: () => file.close(),
    }
  }
}
