// The `palisade` command on a real machine.
import { createReadStream } from 'node:fs'
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { dirname } from 'node:path'
import { AUDIT_LINE_MAX } from '../protocol/audit.ts'
import { nodeClock, nodeRandom } from '../runtime/node.ts'
import { boundedLines } from './lines.ts'
import { runPalisade } from './run.ts'
import type { World } from './world.ts'

// `palisade … | head` closes the pipe early. The command goes on to its own end: exit code 0 of a reset
// means fenced, never "nobody reads any more".
let readerGone = false
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
  readerGone = true
})

const world: World = {
  env: process.env,
  clock: nodeClock,
  random: nodeRandom,
  fetch,
  out(text) {
    if (!readerGone) process.stdout.write(text)
  },
  err: (text) => void process.stderr.write(text),
  async drained() {
    if (readerGone || !process.stdout.writableNeedDrain) return
    await new Promise((resolve) => {
      process.stdout.once('drain', resolve)
      process.stdout.once('close', resolve)
    })
  },
  isTerminal: process.stdout.isTTY === true,
  readText: (path) => readText(path),
  readLines: (path) =>
    boundedLines(path === '-' ? process.stdin : createReadStream(path), AUDIT_LINE_MAX),
  writePrivate,
  onInterrupt(callback) {
    process.on('SIGINT', callback)
    return () => void process.off('SIGINT', callback)
  },
}

process.exitCode = await runPalisade(process.argv.slice(2), world)

async function readText(path: string): Promise<string> {
  if (path !== '-') return await readFile(path, 'utf8')
  const chunks: Uint8Array[] = []
  for await (const chunk of process.stdin) chunks.push(chunk as Uint8Array)
  return Buffer.concat(chunks).toString('utf8')
}

async function writePrivate(
  path: string,
  content: string | AsyncIterable<Uint8Array>,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 })
  const fresh = `${path}.${process.pid}.new`
  try {
    await writeFile(fresh, content, { mode: 0o600, flag: 'wx' })
    await rename(fresh, path)
  } finally {
    await rm(fresh, { force: true })
  }
}
