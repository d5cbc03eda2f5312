import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { ChildProcesses } from '../../scripts/child-processes.ts'
import { LogGenerations } from '../../scripts/log-generations.ts'
import { temporaryDirectory } from '../postgres.ts'

let directory: ReturnType<typeof temporaryDirectory>
beforeEach(() => {
  directory = temporaryDirectory()
})
afterEach(() => directory.remove())

const LIMITS = { bytesMax: 10_000, kept: 5 }
const read = (name: string) => readFileSync(join(directory.path, name), 'utf8')

describe('a log by generations', () => {
  const open = (limits = LIMITS) => new LogGenerations(join(directory.path, 'x.log'), limits)
  const lines = (from: number, to: number) =>
    Array.from({ length: to - from }, (_, index) => `line ${from + index}\n`).join('')

  test('keeps so many generations, for this user only, and in each of them whole lines', () => {
    const log = open()
    for (let from = 0; from < 20_000; from += 70) log.write(Buffer.from(lines(from, from + 70)))
    log.close()
    const names = readdirSync(directory.path).sort()
    expect(names).toEqual(['x.log', ...[1, 2, 3, 4, 5].map((age) => `x.log.${age}`)])
    for (const name of names) {
      expect(statSync(join(directory.path, name)).mode & 0o777, name).toBe(0o600)
      expect(read(name), name).toMatch(/^(line \d+\n)*$/)
      expect(read(name).length, name).toBeLessThan(LIMITS.bytesMax + 20)
    }
    const whole = [5, 4, 3, 2, 1].map((age) => read(`x.log.${age}`)).join('') + read('x.log')
    const [first = ''] = /\d+/.exec(whole) ?? []
    expect(whole).toBe(lines(Number(first), 20_020))
  })

  test('ends a generation exactly at its size', () => {
    const log = open({ bytesMax: 10, kept: 2 })
    log.write(Buffer.from('123456789\n'))
    log.write(Buffer.from('next'))
    log.write(Buffer.from(' line\nx\n'))
    log.close()
    expect([read('x.log.1'), read('x.log')]).toEqual(['next line\n', 'x\n'])
    expect(read('x.log.2')).toBe('123456789\n')
  })

  test('goes on with the log that is there, and with one that had grown without end', () => {
    writeFileSync(join(directory.path, 'x.log'), 'before\n')
    const log = open()
    log.write(Buffer.from('after\n'))
    log.close()
    expect(read('x.log')).toBe('before\nafter\n')
    writeFileSync(join(directory.path, 'x.log'), 'y'.repeat(500_000))
    const again = open()
    again.write(Buffer.from('first\n'))
    again.close()
    expect(read('x.log')).toBe('first\n')
    expect(read('x.log.1')).toHaveLength(500_000)
  })

  test('a line without end is cut rather than let grow', () => {
    const log = open()
    for (let index = 0; index < 100; index += 1) log.write(Buffer.alloc(9_973, 'z'))
    log.close()
    for (const name of readdirSync(directory.path)) {
      expect(statSync(join(directory.path, name)).size).toBeLessThanOrEqual(10_000 + 64 * 1024)
    }
  })

  test('what cannot be written costs nothing but itself, and the gap is told', () => {
    const place = join(directory.path, 'later')
    const log = new LogGenerations(join(place, 'x.log'), LIMITS)
    log.write(Buffer.from('lost\n'))
    mkdirSync(place)
    log.write(Buffer.from('kept\n'))
    log.close()
    expect(read('later/x.log')).toBe('[5 bytes could not be written here]\nkept\n')
  })
})

describe('the processes that are held together', () => {
  test('one that prints a lot leaves bounded logs, the last lines among them', async () => {
    const talker = join(directory.path, 'talker.mjs')
    writeFileSync(
      talker,
      `for (let i = 0; i < 40_000; i += 1) {
        const line = 'line ' + i + ' of many\\n'
        if (!(i % 2 ? process.stdout : process.stderr).write(line)) await new Promise(setImmediate)
      }`,
    )
    const logs = join(directory.path, 'logs')
    const children = new ChildProcesses(directory.path, logs, { bytesMax: 50_000, kept: 3 })
    const ended = new Promise<{ log: string; lastLines: string }>((resolve) => {
      children.onUnexpectedEnd = (_name, end) => resolve(end)
    })
    children.start('talker', 'talker.mjs', [])
    const { log, lastLines } = await ended
    expect(log).toBe(join(logs, 'talker.log'))
    expect(lastLines).toMatch(/line 3999\d of many/)
    const names = ['talker.log', ...[1, 2, 3].map((age) => `talker.log.${age}`)]
    expect(readdirSync(logs).sort()).toEqual(names)
    const sizes = readdirSync(logs).map((name) => statSync(join(logs, name)).size)
    for (const size of sizes) expect(size).toBeLessThan(50_100)
    expect(Math.max(...sizes)).toBeGreaterThanOrEqual(50_000)
    expect(readFileSync(log, 'utf8')).toMatch(/line 3999\d of many/)
  })
})
