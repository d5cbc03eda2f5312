// The disk of the journal full in the middle of a ladder: what is open ends out of the reserve, what is new is
// refused, and once there is room again nothing is missing (spec redundancy.md, "Journal replication").
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JournalRecord } from '../../protocol/report.ts'
import { nodeClock } from '../../runtime/node.ts'
import { AgentChild } from './agent-child.ts'
import { readJournal } from './play.ts'
import { canHaveSmallDisk, SmallDisk } from './small-disk.ts'
import { Stand } from './stand.ts'

const DISK_MEGABYTES = 6
const RESERVE_BYTES = 1_048_576
const RESERVE = 'agent/journal/reserve'
const WITHIN_MS = 60_000
/** The site's own wait is five seconds. */
const CUT = {
  feeds: 2,
  kdump: { enabled: false },
  site: { hardResetAfterMs: 1000, holdUpMs: 200 },
} as const

let disk: SmallDisk
let stand: Stand
let life: AgentChild

beforeEach(async (context) => {
  if (!canHaveSmallDisk()) context.skip('no small disk can be mounted here')
  disk = await SmallDisk.make(DISK_MEGABYTES)
  stand = await Stand.open(CUT)
  life = await begin()
  await stand.ready(life)
}, WITHIN_MS)

afterEach(async () => {
  life?.kill()
  await life?.ended
  await stand?.close()
  await disk?.close()
})

async function begin(): Promise<AgentChild> {
  const started = new AgentChild(
    {
      ...stand.start,
      directory: `${disk.directory}/agent`,
      stopNoticePort: 0,
      reserveBytes: RESERVE_BYTES,
      kill: undefined,
    },
    disk.wrapper,
  )
  await started.up()
  return started
}

async function order(mode: 'pdu' | 'hard'): Promise<string> {
  const { id, token } = await stand.hub.reset(stand.server, mode)
  life.say({ type: 'order', token, hubNowMs: nodeClock.wallMs() })
  return id
}

/** Resolves when the order has this record; rejects when the agent dies without it. */
async function reaches(id: string, kind: JournalRecord['kind']): Promise<JournalRecord> {
  const find = () => life.records.find((record) => isOf(record, id) && record.kind === kind)
  const held = await life.until(`${kind} of ${id}`, WITHIN_MS, () => find() !== undefined)
  const found = find()
  if (!held || !found) throw new Error(`the agent ended before ${kind}: ${life.failure}`)
  return found
}

const isOf = (record: JournalRecord, id: string) => 'order' in record && record.order === id

/** Commands that switch, by device. */
const did = () => stand.acts.map(({ device, what }) => `${device} ${what}`)
const CUT_AND_BACK = ['pdu-a-M1/1 off', 'pdu-b-M1/1 off', 'pdu-a-M1/1 on', 'pdu-b-M1/1 on']

function onDisk(id: string): JournalRecord[] {
  return readJournal(disk.path('agent/journal')).filter((record) => isOf(record, id))
}

const terminal = (records: readonly JournalRecord[]) =>
  records.map(({ kind }) => kind).filter((kind) => kind === 'concluded' || kind === 'ended')

test('the ladder that is open ends, new orders are refused, and with room again they are taken', async () => {
  const open = await order('pdu')
  await reaches(open, 'accepted')
  disk.fill()
  // A site document that cannot be stored is not gone by, and stops nothing.
  life.say({ type: 'site', token: await stand.hub.signSite(2) })
  expect(await reaches(open, 'concluded')).toMatchObject({
    conclusion: { result: 'POFF', fenced: true },
  })
  await reaches(open, 'ended')
  expect(did()).toEqual(CUT_AND_BACK)
  expect(terminal(onDisk(open))).toEqual(['concluded', 'ended'])

  // What is written fills the last page first: the reserve goes with the first record that does not fit.
  await reserveIsGone()
  const late = await order('hard')
  expect(await reaches(late, 'refused')).toMatchObject({ code: 'journal-full', result: 'FAIL' })
  expect(stand.acts).toHaveLength(CUT_AND_BACK.length)

  disk.empty()
  await stand.runs()
  await reserveIsBack()
  const next = await order('hard')
  expect(await reaches(next, 'concluded')).toMatchObject({ conclusion: { result: 'REBOOT' } })
  expect(terminal(onDisk(open))).toEqual(['concluded', 'ended'])
}, 120_000)

describe('killed while the disk is full', () => {
  test('it starts out of the reserve, and the ladder ends', async () => {
    const open = await order('pdu')
    await reaches(open, 'accepted')
    disk.fill()
    await reaches(open, 'recovery')
    life.kill()
    await life.ended
    // Whatever the dead agent had left free is taken too.
    disk.fill()
    expect(disk.has(RESERVE)).toBe(true)
    life = await begin()
    await reaches(open, 'ended')
    expect(did()).toEqual(CUT_AND_BACK)
    expect(terminal(onDisk(open))).toEqual(['concluded', 'ended'])
  }, 120_000)

  test('with the reserve used up as well it stops; with room again it ends what is open, once', async () => {
    const open = await order('pdu')
    await reaches(open, 'accepted')
    disk.fill()
    await reserveIsGone()
    disk.fill()
    // Their refusals are longer than what is left of the last page.
    for (let count = 0; count < 3; count += 1) await order('hard')
    await life.ended
    expect(life.wasKilled).toBe(false)
    expect(life.failure).toContain('ENOSPC')

    disk.empty()
    life = await begin()
    await reaches(open, 'ended')
    const records = onDisk(open)
    expect(terminal(records)).toEqual(['concluded', 'ended'])
    expect(records.filter(({ kind }) => kind === 'accepted')).toHaveLength(1)
    expect(did().filter((what) => what.endsWith('on'))).toHaveLength(2)
  }, 120_000)
})

async function reserveIsGone(): Promise<void> {
  await until('the reserve is given free', () => !disk.has(RESERVE))
}

async function reserveIsBack(): Promise<void> {
  await until('the reserve is taken back', () => disk.has(RESERVE))
}

async function until(what: string, holds: () => boolean): Promise<void> {
  for (const end = nodeClock.now() + WITHIN_MS; !holds(); ) {
    if (nodeClock.now() > end) throw new Error(`not within ${WITHIN_MS} ms: ${what}`)
    await new Promise<void>((resolve) => nodeClock.after(20, resolve))
  }
}
