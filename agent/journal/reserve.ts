// Disk space held back for the ladders that are open when the disk runs full (spec redundancy.md, "Journal
// replication"): given free, it lets them finish; new orders are refused meanwhile.
import { join } from 'node:path'
import type { Disk } from '../disk.ts'
import { isCode, writeAll } from '../durable-file.ts'

const FILE = 'reserve'
const CHUNK = Buffer.alloc(1_048_576)

export class Reserve {
  readonly #directory: string
  readonly #path: string
  readonly #bytes: number
  readonly #disk: Disk
  #held = false
  #taking: Promise<void> | undefined

  constructor(directory: string, bytes: number, disk: Disk) {
    this.#directory = directory
    this.#path = join(directory, FILE)
    this.#bytes = bytes
    this.#disk = disk
  }

  /** False once it was given free: what is left of the disk belongs to open ladders. */
  get held(): boolean {
    return this.#held
  }

  /** Fills the reserve with real blocks. Leaves none behind when the disk is too full for it. */
  take(): Promise<void> {
    this.#taking ??= this.#fill().finally(() => {
      this.#taking = undefined
    })
    return this.#taking
  }

  /** Takes it again once so much is free that what is open has room beside it. */
  async takeBack(): Promise<void> {
    if (this.#held) return
    if ((await this.#disk.free(this.#directory)) >= 2 * this.#bytes) await this.take()
  }

  /** Runs what writes. A full disk is met by the reserve, once; any other failure is final. */
  async spend<T>(act: () => Promise<T>): Promise<T> {
    try {
      return await act()
    } catch (error) {
      if (!isFull(error) || !(await this.#release())) throw error
      return await act()
    }
  }

  async #fill(): Promise<void> {
    if (this.#held || (await this.#size()) === this.#bytes) {
      this.#held = true
      return
    }
    try {
      const file = await this.#disk.open(this.#path, 'w', 0o600)
      try {
        for (let at = 0; at < this.#bytes; at += CHUNK.length) {
          await writeAll(file, CHUNK.subarray(0, Math.min(CHUNK.length, this.#bytes - at)), at)
        }
        await file.datasync()
      } finally {
        await file.close()
      }
      this.#held = true
    } catch (error) {
      await this.#remove()
      if (!isFull(error)) throw error
    }
  }

  /** Returns whether there was something to give free; what is just being taken counts. */
  async #release(): Promise<boolean> {
    const taking = this.#taking
    await taking?.catch(() => {})
    const held = this.#held
    this.#held = false
    await this.#remove()
    return held || taking !== undefined
  }

  async #remove(): Promise<void> {
    try {
      await this.#disk.remove(this.#path)
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error
    }
  }

  async #size(): Promise<number | undefined> {
    try {
      return await this.#disk.size(this.#path)
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    }
  }
}

function isFull(error: unknown): boolean {
  return isCode(error, 'ENOSPC') || isCode(error, 'EDQUOT')
}
