// A process that appends for ever and prints each sequence once it is durable, until it is killed.
import { openJournal } from '../../agent/journal/journal.ts'
import { nodeClock } from '../../runtime/node.ts'

const [, , directory = ''] = process.argv
const journal = await openJournal({
  directory,
  site: 'tokyo1',
  agent: 'HACON1',
  clock: nodeClock,
  segmentBytes: 20_000,
  reserveBytes: 4096,
})
process.stdout.write(`start ${journal.start}\n`)

async function write(): Promise<void> {
  for (let revision = 1; ; revision += 1) {
    const [record] = await journal.append([
      { kind: 'configured', revision, detail: 'x'.repeat(40) },
    ])
    process.stdout.write(`durable ${record?.seq}\n`)
  }
}
await Promise.all([write(), write(), write()])
