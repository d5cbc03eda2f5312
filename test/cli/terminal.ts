// A terminal for tests: what a command prints is collected, everything else is real.
import { createReadStream } from 'node:fs'
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { boundedLines } from '../../cli/lines.ts'
import { runPalisade } from '../../cli/run.ts'
import type { World } from '../../cli/world.ts'
import { AUDIT_LINE_MAX } from '../../protocol/audit.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'

export interface Ran {
  exit: number
  out: string
  err: string
}

export interface Terminal {
  run(...argv: string[]): Promise<Ran>
  /** What the command that runs now has printed so far. */
  readonly soFar: string
  interrupt(): void
}

export function makeTerminal(changes: Partial<World> = {}): Terminal {
  let out = ''
  let err = ''
  const interrupts = new Set<() => void>()
  const world: World = {
    env: {},
    clock: nodeClock,
    random: nodeRandom,
    fetch,
    out(text) {
      out += text
    },
    err(text) {
      err += text
    },
    drained: async () => {},
    isTerminal: false,
    readText: (path) => readFile(path, 'utf8'),
    readLines: (path) => boundedLines(createReadStream(path), AUDIT_LINE_MAX),
    async writePrivate(path, content) {
      await mkdir(dirname(path), { recursive: true })
      await writeFile(path, content, { mode: 0o600 })
    },
    onInterrupt(callback) {
      interrupts.add(callback)
      return () => interrupts.delete(callback)
    },
    ...changes,
  }
  return {
    async run(...argv) {
      out = ''
      err = ''
      const exit = await runPalisade(argv, world)
      return { exit, out, err }
    },
    get soFar() {
      return out
    },
    interrupt() {
      for (const callback of interrupts) callback()
    },
  }
}
