// Disk space held back for the ladders that are open when the disk runs full (spec redundancy.md, "Journal
// replication"): given free, it lets them finish; new orders are refused meanwhile.
import { open, stat, unlink } from 'node:fs/promises'
import { join } from 'node:path'
import { isCode } from './durable-file.ts'

const FILE = 'reserve'
const CHUNK = Buffer.alloc(1_048_576)

export class Reserve {
  readonly #path: string
  readonly #bytes: number
  #held = false

  constructor(directory: string, bytes: number) {
    this.#path = join(directory, FILE)
    this.#bytes = bytes
  }

  /** False once it was given free: what is left of the disk belongs to open ladders. */
  get held(): boolean {
    return this.#held
  }

  /** Fills the reserve with real blocks. Leaves none behind when the disk is too full for it. */
  async take(): Promise<void> {
    if (this.#held || (await this.#size()) === this.#bytes) {
      this.#held = true
      return
    }
    try {
      const file = await open(this.#path, 'w', 0o600)
      try {
        for (let at = 0; at < this.#bytes; at += CHUNK.length) {
          await file.writeFile(CHUNK.subarray(0, Math.min(CHUNK.length, this.#bytes - at)))
        }
        await file.datasync()
      } finally {
        await file.close()
      }
      this.#held = true
    } catch (error) {
      await this.release()
      if (!isCode(error, 'ENOSPC') && !isCode(error, 'EDQUOT')) throw error
    }
  }

  /** Returns whether there was something to give free. */
  async release(): Promise<boolean> {
    const held = this.#held
    this.#held = false
    try {
      await unlink(this.#path)
    } catch (error) {
      if (!isCode(error, 'ENOENT')) throw error
    }
    return held
  }

  async #size(): Promise<number | undefined> {
    try {
      return (await stat(this.#path)).size
    } catch (error) {
      if (isCode(error, 'ENOENT')) return undefined
      throw error
    }
  }
}
