// Everything that a command takes from its surroundings, so that tests can stand in for a terminal.
import type { Cancel, Clock, Random } from '../core/ports.ts'

export interface World {
  env: Readonly<Record<string, string | undefined>>
  clock: Clock
  random: Random
  fetch: typeof fetch
  /** Standard output and error, without any line end of their own. */
  out(text: string): void
  err(text: string): void
  /** Resolves when standard output has room again, so that a long export does not fill the memory. */
  drained(): Promise<void>
  /** Colours and live lines: standard output is a terminal. */
  isTerminal: boolean
  /** Throws with the operating system's code when the file cannot be read. `-` is standard input. */
  readText(path: string): Promise<string>
  readLines(path: string): AsyncIterable<string>
  /** Readable by the owner only; replaces the file in one step, and only once all of the content is there. */
  writePrivate(path: string, content: string | AsyncIterable<Uint8Array>): Promise<void>
  /** Calls back at Ctrl-C, instead of ending the process, until it is cancelled. */
  onInterrupt(callback: () => void): Cancel
}
