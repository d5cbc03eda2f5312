import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFile, cp, mkdir, readFile, stat, truncate, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { nodeDisk } from '../../agent/disk.ts'
import { JournalFailure } from '../../agent/journal/journal.ts'
import { hashRecord, ZERO_HASH } from '../../protocol/chain.ts'
import { recordSchema } from '../../protocol/report.ts'
import { BODIES } from '../protocol/order-samples.ts'
import { FaultyDisk, note, openAt, place, segmentPaths } from './journal-place.ts'

const all = async (journal: Awaited<ReturnType<typeof openAt>>) =>
  (await journal.since(0))?.records ?? []

describe('appending', () => {
  test('every kind of record is read back as it was appended, over a restart', async () => {
    const directory = await place()
    const first = await openAt(directory)
    const written = await first.append(BODIES)
    await first.close()
    const second = await openAt(directory)
    expect(await all(second)).toEqual(written)
    for (const [index, record] of written.entries()) {
      expect(recordSchema.parse(record)).toEqual(record)
      expect(record).toMatchObject({ ...BODIES[index], site: 'tokyo1', agent: 'HACON1', start: 1 })
    }
  })

  test('records form one chain over all starts, and starts are counted', async () => {
    const directory = await place()
    for (const start of [1, 2, 3]) {
      const journal = await openAt(directory)
      expect(journal.start).toBe(start)
      await journal.append([note(start), note(start)])
      await journal.close()
    }
    // A start that wrote nothing counts too.
    await (await openAt(directory)).close()
    const journal = await openAt(directory)
    expect(journal.start).toBe(5)
    let prev = ZERO_HASH
    for (const [index, record] of (await all(journal)).entries()) {
      expect(record).toMatchObject({ seq: index + 1, prev, start: Math.floor(index / 2) + 1 })
      prev = hashRecord(record)
    }
    expect(journal.durable).toEqual({ seq: 6, hash: prev })
  })

  test('256 who append at once share a few syncs of the disk', async () => {
    const disk = new FaultyDisk()
    const journal = await openAt(await place(), { disk: { ...nodeDisk, open: disk.openFile } })
    const before = disk.syncs
    const records = await Promise.all(
      Array.from({ length: 256 }, (_, index) => journal.append([note(index)])),
    )
    expect(disk.syncs - before).toBeGreaterThan(0)
    expect(disk.syncs - before).toBeLessThanOrEqual(3)
    expect(records.map(([record]) => record?.seq)).toEqual(records.map((_, index) => index + 1))
  })

  test('nobody goes on before the disk has synced what it appended', async () => {
    const disk = new FaultyDisk()
    const journal = await openAt(await place(), { disk: { ...nodeDisk, open: disk.openFile } })
    let release = () => {}
    disk.held = new Promise((resolve) => {
      release = resolve
    })
    let wentOn = 0
    const first = journal.append([note(1)]).then(() => wentOn++)
    await expect.poll(() => disk.syncs).toBe(1)
    const second = journal.append([note(2)]).then(() => wentOn++)
    await new Promise((resolve) => setImmediate(resolve))
    expect(wentOn).toBe(0)
    expect(journal.durable.seq).toBe(0)
    release()
    await Promise.all([first, second])
    expect(disk.syncs).toBe(2)
  })

  test('who waited goes on before the event loop turns', async () => {
    const journal = await openAt(await place())
    const order: string[] = []
    journal.onDurable(() => {
      setImmediate(() => order.push('next turn'))
      order.push('durable')
    })
    await Promise.all(
      ['a', 'b', 'c'].map(async (name) => {
        await journal.append([note(1)])
        order.push(name)
      }),
    )
    await new Promise((resolve) => setImmediate(resolve))
    expect(order).toEqual(['durable', 'a', 'b', 'c', 'next turn'])
  })

  test('no text of devices or people makes a record that the control plane would refuse', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    const details = ['x'.repeat(5000), 'broken \ud800 text', 'line\nfeed \u2028 and \u0000', '"\\']
    await journal.append(details.map((detail) => note(1, detail)))
    await journal.close()
    const records = await all(await openAt(directory))
    for (const record of records) expect(recordSchema.parse(record)).toEqual(record)
    expect(records[0]).toMatchObject({ detail: 'x'.repeat(2000) })
    expect(records[2]).toMatchObject({ detail: details[2] })
  })

  test('a body that is not of its kind is refused and leaves no hole in the chain', async () => {
    const journal = await openAt(await place())
    await expect(journal.append([note(1), note(0.5)])).rejects.toThrow(/configured.*revision/)
    await journal.append([note(2)])
    expect(await all(journal)).toMatchObject([{ seq: 1, prev: ZERO_HASH, revision: 2 }])
  })

  test('an epoch stands in every record from then on, over a restart, and never falls', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    journal.enterEpoch(3)
    await journal.append([note(1)])
    expect(() => journal.enterEpoch(2)).toThrow(/epoch 2 is over/)
    await journal.close()
    expect((await openAt(directory)).epoch).toBe(3)
  })
})

describe('the directory', () => {
  test('belongs to one agent at a time, and to its owner alone', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    expect((await stat(directory)).mode & 0o777).toBe(0o700)
    for (const path of await segmentPaths(directory)) {
      expect((await stat(path)).mode & 0o777).toBe(0o600)
    }
    await expect(openAt(directory)).rejects.toThrow(/in use by another agent/)
    await journal.close()
    await (await openAt(directory)).append([note(1)])
  })

  test('of another agent or site is refused', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    await journal.append([note(1)])
    await journal.close()
    await expect(openAt(directory, { agent: 'HACON2' })).rejects.toThrow(/HACON1 of site tokyo1/)
    await expect(openAt(directory, { site: 'osaka' })).rejects.toThrow(/not of HACON1 of osaka/)
  })
})

describe('after a crash', () => {
  test('a last record torn at any byte is cut off, and all before it stay', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    await journal.append([note(1), note(2)])
    await journal.append([note(3, 'the last one')])
    await journal.close()
    const [path = ''] = await segmentPaths(directory)
    const whole = await readFile(path)
    const lastStart = whole.lastIndexOf(10, whole.length - 2) + 1
    for (let length = lastStart; length < whole.length; length += 1) {
      await writeFile(path, whole.subarray(0, length))
      const torn = await openAt(directory)
      expect(torn.durable.seq).toBe(2)
      const [record] = await torn.append([note(4)])
      expect(record).toMatchObject({ seq: 3, revision: 4 })
      expect((await all(torn)).map(({ seq }) => seq)).toEqual([1, 2, 3])
      await torn.close()
    }
  })

  test('whatever a lost power cut leaves of unfinished writes, what was promised stays', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    await journal.append([note(1)])
    await journal.append([note(2)])
    // One write of many records: its pages may reach the disk in any order.
    await journal.append(Array.from({ length: 20 }, (_, index) => note(index + 3)))
    await journal.close()
    const [path = ''] = await segmentPaths(directory)
    const whole = await readFile(path)
    const promised = whole.indexOf(10, whole.indexOf(10) + 1) + 1
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: promised, max: whole.length - 1 }),
        fc.integer({ min: 1, max: 600 }),
        async (from, length) => {
          const holed = Buffer.from(whole)
          holed.fill(0, from, Math.min(from + length, holed.length))
          await writeFile(path, holed)
          const reopened = await openAt(directory)
          expect(reopened.durable.seq).toBeGreaterThanOrEqual(2)
          expect((await all(reopened)).slice(0, 2)).toMatchObject([
            { revision: 1 },
            { revision: 2 },
          ])
          await reopened.close()
        },
      ),
      { numRuns: 40 },
    )
  })

  test('any damage to what had been promised is refused, and nothing is changed', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    for (let revision = 1; revision <= 5; revision += 1) await journal.append([note(revision)])
    await journal.close()
    const [path = ''] = await segmentPaths(directory)
    const whole = await readFile(path)
    const lastStart = whole.lastIndexOf(10, whole.length - 2) + 1
    const fourthStart = whole.lastIndexOf(10, lastStart - 2) + 1
    await fc.assert(
      fc.asyncProperty(
        fc.nat(fourthStart - 2),
        fc.integer({ min: 1, max: 255 }),
        async (at, xor) => {
          const bent = Buffer.from(whole)
          bent[at] = (bent[at] ?? 0) ^ xor
          await writeFile(path, bent)
          await expect(openAt(directory)).rejects.toThrow(/damaged.*Nothing was changed/s)
          expect(await readFile(path)).toEqual(bent)
        },
      ),
      { numRuns: 60 },
    )
  })

  test('a missing segment, or one that ends early, is refused', async () => {
    const directory = await place()
    const journal = await openAt(directory, { segmentBytes: 500 })
    for (let revision = 1; revision <= 12; revision += 1) await journal.append([note(revision)])
    await journal.close()
    const [, second = '', third = ''] = await segmentPaths(directory)
    expect(third).not.toBe('')
    const copy = await readFile(second)
    await truncate(second, copy.length - 3)
    await expect(openAt(directory)).rejects.toThrow(/damaged/)
    await truncate(second, 0)
    await expect(openAt(directory)).rejects.toThrow(/are missing/)
    await writeFile(second, copy)
    expect((await openAt(directory)).durable.seq).toBe(12)
  })

  test('what the control plane has stored cannot be lost here unnoticed', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    await journal.append([note(1)])
    await journal.append([note(2)])
    expect(journal.acknowledge(2)).toBe(true)
    expect(journal.acknowledge(3)).toBe(false)
    await journal.close()
    const [path = ''] = await segmentPaths(directory)
    const whole = await readFile(path)
    await truncate(path, whole.length - 4)
    await expect(openAt(directory)).rejects.toThrow(/stored/)
    await truncate(path, whole.indexOf(10) + 1)
    await expect(openAt(directory)).rejects.toThrow(/rolled back/)
  })

  test('nothing that a killed process had acknowledged is lost, kill after kill', async () => {
    const directory = await place()
    let promised = 0
    for (let kill = 1; kill <= 4; kill += 1) {
      const child = spawn(
        process.execPath,
        [join(import.meta.dirname, 'journal-writer.ts'), directory],
        { stdio: ['ignore', 'pipe', 'inherit'] },
      )
      let lines = 0
      for await (const line of createInterface({ input: child.stdout })) {
        const [word, number] = line.split(' ')
        if (word === 'start') expect(Number(number)).toBe(2 * kill - 1)
        else promised = Math.max(promised, Number(number))
        lines += 1
        if (lines === 60 + 37 * kill) child.kill('SIGKILL')
      }
      if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
      const journal = await openAt(directory)
      expect(journal.durable.seq).toBeGreaterThanOrEqual(promised)
      let seq = 0
      for (let batch = await journal.since(0); batch; batch = await journal.since(seq)) {
        for (const record of batch.records) expect(record.seq).toBe(++seq)
      }
      expect(seq).toBe(journal.durable.seq)
      await journal.close()
    }
    expect(promised).toBeGreaterThan(200)
  }, 30_000)
})

describe('a failing disk', () => {
  test('a failed sync ends all appending for ever, and says so', async () => {
    const disk = new FaultyDisk()
    const directory = await place()
    const journal = await openAt(directory, { disk: { ...nodeDisk, open: disk.openFile } })
    await journal.append([note(1)])
    disk.syncFaults.push('EIO')
    const waiting = [journal.append([note(2)]), journal.append([note(3)])]
    for (const append of waiting) await expect(append).rejects.toThrow(JournalFailure)
    await expect(journal.append([note(4)])).rejects.toThrow(/must not act: EIO/)
    expect((await journal.failed).cause).toMatchObject({ code: 'EIO' })
    expect(journal.durable.seq).toBe(1)
    expect((await all(journal)).length).toBe(1)
  })

  test('a full disk takes the reserve once, and then what is open can still be written', async () => {
    const disk = new FaultyDisk()
    const directory = await place()
    const journal = await openAt(directory, { disk: { ...nodeDisk, open: disk.openFile } })
    expect(journal.spaceIsLow).toBe(false)
    expect((await stat(join(directory, 'reserve'))).size).toBe(65_536)
    disk.writeFaults.push('ENOSPC')
    await journal.append([note(1)])
    expect(journal.spaceIsLow).toBe(true)
    await expect(stat(join(directory, 'reserve'))).rejects.toThrow(/ENOENT/)
    await journal.append([note(2)])
    disk.writeFaults.push('ENOSPC')
    await expect(journal.append([note(3)])).rejects.toThrow(JournalFailure)
    await journal.close()
    const reopened = await openAt(directory)
    expect((await all(reopened)).map(({ seq }) => seq)).toEqual([1, 2])
    expect(reopened.spaceIsLow).toBe(false)
  })
})

describe('reading back', () => {
  test('a long backlog comes in bounded batches, each with its head', async () => {
    const directory = await place()
    const journal = await openAt(directory, { segmentBytes: 30_000 })
    await journal.append(Array.from({ length: 3000 }, (_, index) => note(index)))
    await journal.close()
    const reopened = await openAt(directory)
    let seq = 0
    for (let batch = await reopened.since(0); batch; batch = await reopened.since(seq)) {
      expect(batch.records.length).toBeLessThanOrEqual(200)
      expect(batch.records[0]?.seq).toBe(seq + 1)
      const last = batch.records.at(-1)
      expect(batch.head).toEqual({ seq: last?.seq, hash: last && hashRecord(last) })
      seq = batch.head.seq
    }
    expect(seq).toBe(3000)
  })

  test('records of 2,000 characters make smaller batches', async () => {
    const journal = await openAt(await place())
    await journal.append(Array.from({ length: 400 }, () => note(1, '\u0001'.repeat(2000))))
    const batch = await journal.since(0)
    expect(JSON.stringify(batch?.records).length).toBeLessThan(510_000)
    expect(batch?.records.length).toBeGreaterThan(10)
  })

  test('what is not durable yet is not reported', async () => {
    const journal = await openAt(await place())
    const append = journal.append([note(1)])
    expect(await journal.since(0)).toBeUndefined()
    await append
    expect((await all(journal)).length).toBe(1)
  })

  test('a start replays every kept record in order', async () => {
    const directory = await place()
    const journal = await openAt(directory)
    await journal.append(BODIES)
    await journal.close()
    const seen: number[] = []
    await openAt(directory, { replayed: ({ seq }) => seen.push(seq) })
    expect(seen).toEqual(BODIES.map((_, index) => index + 1))
  })
})

test('a copy of the directory opens where it was copied to', async () => {
  const directory = await place()
  const journal = await openAt(directory)
  await journal.append([note(1)])
  await journal.close()
  const copy = join(await place(), 'copy')
  await mkdir(copy)
  await cp(directory, copy, { recursive: true })
  expect((await openAt(copy)).durable.seq).toBe(1)
})

test('foreign files in the directory are left alone', async () => {
  const directory = await place()
  await appendFile(join(directory, 'records-note.txt'), 'hello')
  const journal = await openAt(directory)
  await journal.append([note(1)])
  expect(await readFile(join(directory, 'records-note.txt'), 'utf8')).toBe('hello')
})
