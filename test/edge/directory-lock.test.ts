// Races for a data directory between real processes: two that both believe they hold it corrupt the database.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { temporaryDirectory } from '../postgres.ts'

const ROUNDS = 100
const STARTERS = 3
const LOCK = join(import.meta.dirname, '..', '..', 'edge', 'node', 'directory-lock.ts')

/** Told the instant of the first round, it takes one directory after the other, each at its instant. */
const STARTER = `
  const [lock, directory, rounds] = process.argv.slice(1)
  const { lockDirectory } = await import(lock)
  process.stderr.write('ready')
  process.stdin.once('end', () => process.exit())
  process.stdin.once('data', (startAt) => {
    for (let round = 0; round < rounds; round++) {
      while (Date.now() < Number(startAt) + round * 4);
      try {
        lockDirectory(directory + '/' + round)
        console.log(round)
      } catch {}
    }
    console.log('done')
  })`

/** How many held each directory in the end. */
async function race(directory: string): Promise<number[]> {
  const argv = ['--input-type=module', '--eval', STARTER, LOCK, directory, String(ROUNDS)]
  const starters = Array.from({ length: STARTERS }, () => spawn(process.execPath, argv))
  const printed = starters.map(() => '')
  try {
    await Promise.all(starters.map((starter) => once(starter.stderr, 'data')))
    const done = starters.map(async (starter, index) => {
      starter.stdout.on('data', (chunk) => {
        printed[index] += String(chunk)
      })
      while (!printed[index]?.includes('done')) await once(starter.stdout, 'data')
    })
    const startAt = Date.now() + 30
    for (const starter of starters) starter.stdin.write(String(startAt))
    await Promise.all(done)
  } finally {
    // Nobody lets go before all have tried: the lock of a process that has ended may be taken.
    for (const starter of starters) starter.stdin.end()
  }
  const lines = printed.flatMap((all) => all.split('\n'))
  return Array.from(
    { length: ROUNDS },
    (_, round) => lines.filter((line) => line === String(round)).length,
  )
}

test.each([
  ['a fresh directory', undefined],
  ['the lock of a process that has died', '999999999\n'],
  ['a lock that was written by half', ''],
])(
  'of several processes that take %s in the same instant exactly one holds it',
  async (_, left) => {
    const { path, remove } = temporaryDirectory()
    try {
      for (let round = 0; round < ROUNDS; round++) {
        mkdirSync(join(path, String(round)))
        if (left !== undefined) writeFileSync(join(path, String(round), 'lock'), left)
      }
      expect(await race(path)).toEqual(Array.from({ length: ROUNDS }, () => 1))
    } finally {
      remove()
    }
  },
)
