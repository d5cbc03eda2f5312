// The disk of one agent as it really is: what was written lies in memory until it is synced, and a loss of
// power takes, tears or keeps it as chance has it. It outlives every life of its agent.
import type { Disk } from '../../agent/disk.ts'
import type { DiskFile } from '../../agent/journal/segments.ts'
import type { Chance } from './chance.ts'

/** An agent never writes twice where it has synced: what is durable is the front part of a file. */
interface File {
  /** Room for more than there is. */
  room: Buffer
  length: number
  durableLength: number
  unsynced: { position: number; bytes: Buffer }[]
}

export interface DiskTrouble {
  /** Adds to every write and sync. */
  slowMs: number
  /** No byte is left but what removed files give free. */
  full: boolean
}

/** What a life of the agent goes through to reach the disk. */
export interface DiskTurn {
  /** Resolves after so many ms of the world, never once this life is over. */
  later<T>(delayMs: number, act: () => T): Promise<T>
}

export class SimDisk {
  readonly trouble: DiskTrouble = { slowMs: 0, full: false }
  /** Told in the turn in which these bytes of a file became durable. */
  durable: (path: string, bytes: Buffer) => void = () => {}
  /** Told of a write that is about to be made; true tears it. */
  tears: () => boolean = () => false
  #files = new Map<string, File>()
  /** Names as they are after a loss of power. */
  #durableNames = new Map<string, File>()
  #locked = false
  #freed = 0
  readonly #chance: Chance

  constructor(chance: Chance) {
    this.#chance = chance
  }

  /** For one life of the agent. */
  mount(turn: DiskTurn): Disk {
    const quickMs = () => 0.02 + this.#chance.fraction() * 0.2 + this.trouble.slowMs
    const act = <T>(what: () => T) => turn.later(quickMs(), what)
    return {
      open: (path, flags) => act(() => this.#open(path, flags, turn)),
      read: (path) => act(() => contentOf(this.#find(path))),
      list: (directory) =>
        act(() =>
          [...this.#files.keys()]
            .filter((path) => path.startsWith(`${directory}/`))
            .map((path) => path.slice(directory.length + 1)),
        ),
      rename: (from, to) =>
        act(() => {
          this.#files.set(to, this.#find(from))
          this.#files.delete(from)
        }),
      remove: (path) =>
        act(() => {
          this.#freed += this.#find(path).length
          this.#files.delete(path)
        }),
      size: (path) => act(() => this.#find(path).length),
      free: () => act(() => (this.trouble.full ? this.#freed : 1e9)),
      makeDirectory: () => act(() => {}),
      syncDirectory: () => turn.later(this.#syncMs(), () => this.#syncNames()),
      lock: () => act(() => this.#lock()),
    }
  }

  /** The process died: what it wrote is with the kernel and comes to the disk. */
  processDied(): void {
    this.#locked = false
  }

  /** The machine died with everything in memory: unsynced writes stay, go or stay in part. */
  powerLost(): void {
    this.#locked = false
    const chance = this.#chance
    if (chance.happens(0.5)) this.#syncNames()
    for (const file of new Set(this.#durableNames.values())) {
      const { unsynced } = file
      truncate(file, file.durableLength)
      for (const { position, bytes } of unsynced) {
        if (chance.happens(0.4)) continue
        const kept = chance.happens(0.5) ? bytes.length : chance.between(0, bytes.length)
        patch(file, bytes.subarray(0, kept), position)
      }
    }
    this.#files = new Map(this.#durableNames)
  }

  setFull(full: boolean): void {
    this.trouble.full = full
    this.#freed = 0
  }

  #syncMs(): number {
    return 0.2 + this.#chance.fraction() * 2 + this.trouble.slowMs
  }

  #syncNames(): void {
    this.#durableNames = new Map(this.#files)
  }

  #lock(): () => Promise<void> {
    if (this.#locked) throw new Error('the directory is in use by another agent')
    this.#locked = true
    return async () => {
      this.#locked = false
    }
  }

  #find(path: string): File {
    const file = this.#files.get(path)
    if (file) return file
    throw Object.assign(new Error(`no such file: ${path}`), { code: 'ENOENT' })
  }

  #open(path: string, flags: string | number, turn: DiskTurn): DiskFile {
    const isNew = typeof flags === 'string' && flags.startsWith('w')
    const file = isNew ? emptyFile() : this.#find(path)
    if (isNew) this.#files.set(path, file)
    return {
      write: (bytes, offset, length, position) => {
        const chunk = Buffer.from(bytes.subarray(offset, offset + length))
        if (this.tears()) {
          this.#write(file, chunk.subarray(0, this.#chance.between(0, length)), position)
        }
        return turn.later(0.02 + this.trouble.slowMs, () => {
          const grows = Math.max(0, position + length - file.length)
          if (this.trouble.full && grows > this.#freed) {
            throw Object.assign(new Error('no space left'), { code: 'ENOSPC' })
          }
          this.#freed = Math.max(0, this.#freed - grows)
          this.#write(file, chunk, position)
          return { bytesWritten: length }
        })
      },
      truncate: (length) => turn.later(0.05, () => truncate(file, length)),
      datasync: () =>
        turn.later(this.#syncMs(), () => {
          const before = file.durableLength
          file.durableLength = file.length
          file.unsynced = []
          this.durable(path, file.room.subarray(before, file.length))
        }),
      close: () => turn.later(0.01, () => {}),
    }
  }

  #write(file: File, bytes: Buffer, position: number): void {
    patch(file, bytes, position)
    file.unsynced.push({ position, bytes })
  }
}

function emptyFile(): File {
  return { room: Buffer.alloc(4096), length: 0, durableLength: 0, unsynced: [] }
}

function contentOf({ room, length }: File): Buffer {
  return Buffer.from(room.subarray(0, length))
}

function truncate(file: File, length: number): void {
  file.room.fill(0, length, file.length)
  file.length = Math.min(file.length, length)
  file.durableLength = Math.min(file.durableLength, length)
  file.unsynced = []
}

/** Over what is there or behind it; a hole reads as zeros. */
function patch(file: File, bytes: Buffer, position: number): void {
  const end = position + bytes.length
  if (end > file.room.length) {
    const room = Buffer.alloc(Math.max(2 * file.room.length, end))
    file.room.copy(room, 0, 0, file.length)
    file.room = room
  }
  bytes.copy(file.room, position)
  file.length = Math.max(file.length, end)
}
