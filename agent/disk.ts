// The disk on which an agent's promises lie. Whoever gives another one decides what is durable.
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  stat,
  statfs,
  unlink,
} from 'node:fs/promises'
import { lockJournal, type Unlock } from './journal/lock.ts'
import type { OpenFile } from './journal/segments.ts'

/** Errors are those of the platform: `ENOENT`, `ENOSPC`. */
export interface Disk {
  open: OpenFile
  read(path: string): Promise<Buffer>
  list(directory: string): Promise<string[]>
  rename(from: string, to: string): Promise<void>
  remove(path: string): Promise<void>
  /** Bytes. */
  size(path: string): Promise<number>
  /** Bytes that can still be written. */
  free(directory: string): Promise<number>
  /** With its parents; readable by its owner alone. */
  makeDirectory(path: string): Promise<void>
  /** Makes created, renamed and removed names durable. */
  syncDirectory(path: string): Promise<void>
  /** @throws when another agent holds the directory. */
  lock(directory: string): Promise<Unlock>
}

export const nodeDisk: Disk = {
  open: (path, flags, mode) => open(path, flags, mode),
  read: (path) => readFile(path),
  list: (directory) => readdir(directory),
  rename,
  remove: unlink,
  size: async (path) => (await stat(path)).size,
  async free(directory) {
    const { bavail, bsize } = await statfs(directory)
    return bavail * bsize
  },
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o700 })
    await chmod(path, 0o700)
  },
  async syncDirectory(path) {
    const handle = await open(path, 'r')
    try {
      await handle.sync()
    } finally {
      await handle.close()
    }
  },
  lock: lockJournal,
}
