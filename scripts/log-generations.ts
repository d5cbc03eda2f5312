// The log of one process by generations: NAME.log is written, NAME.log.1 is the one before it, and so on; the
// oldest goes when a new one begins, so that a process that prints without end fills no disk.
import { closeSync, fchmodSync, fstatSync, openSync, renameSync, writeSync } from 'node:fs'

export interface GenerationLimits {
  /** A generation ends at the first line end from here on. */
  bytesMax: number
  /** Older generations beside the one that is written. */
  kept: number
}

export const GENERATION_LIMITS: GenerationLimits = { bytesMax: 5 * 1024 * 1024, kept: 5 }

/** A line that is longer than this may be cut between two generations. */
const LINE_MAX = 64 * 1024
const LINE_END = 10

/** Writes at once, so that nothing waits in memory and the last words of a process are in its log. */
export class LogGenerations {
  readonly path: string
  readonly #limits: GenerationLimits
  #file: number | undefined
  #bytes = 0
  #droppedBytes = 0

  /** Goes on with the log that is there. */
  constructor(path: string, limits: GenerationLimits = GENERATION_LIMITS) {
    this.path = path
    this.#limits = limits
  }

  /** Never throws: what a full disk does not take is dropped, and the log tells how much once it goes on. */
  write(bytes: Uint8Array): void {
    try {
      this.#file ??= this.#open()
      if (this.#droppedBytes > 0) {
        const gap = `[${this.#droppedBytes} bytes could not be written here]\n`
        this.#append(Buffer.from(gap))
        this.#droppedBytes = 0
      }
      this.#appendByLines(bytes)
    } catch {
      this.#droppedBytes += bytes.length
    }
  }

  close(): void {
    if (this.#file !== undefined) closeSync(this.#file)
    this.#file = undefined
  }

  #appendByLines(bytes: Uint8Array): void {
    const { bytesMax } = this.#limits
    let rest = bytes
    while (rest.length > 0) {
      if (this.#bytes >= bytesMax + LINE_MAX) this.#begin()
      if (this.#bytes + rest.length < bytesMax) return this.#append(rest)
      const lineEnd = rest.indexOf(LINE_END, Math.max(0, bytesMax - this.#bytes - 1))
      const wanted = lineEnd < 0 ? rest.length : lineEnd + 1
      const length = Math.min(wanted, bytesMax + LINE_MAX - this.#bytes)
      this.#append(rest.subarray(0, length))
      rest = rest.subarray(length)
      if (lineEnd >= 0 && length === wanted) this.#begin()
    }
  }

  #append(bytes: Uint8Array): void {
    const file = this.#file
    if (file === undefined) throw new Error('the log is not open')
    for (let written = 0; written < bytes.length; ) {
      const length = writeSync(file, bytes, written)
      written += length
      this.#bytes += length
    }
  }

  /** The oldest generation is overwritten by the one after it. */
  #begin(): void {
    this.close()
    for (let age = this.#limits.kept; age > 0; age -= 1) {
      moveIfThere(age === 1 ? this.path : `${this.path}.${age - 1}`, `${this.path}.${age}`)
    }
    this.#file = this.#open()
  }

  #open(): number {
    const file = openSync(this.path, 'a', 0o600)
    fchmodSync(file, 0o600)
    this.#bytes = fstatSync(file).size
    return file
  }
}

function moveIfThere(from: string, to: string): void {
  try {
    renameSync(from, to)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'ENOENT')) throw error
  }
}
