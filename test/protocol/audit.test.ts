import fc from 'fast-check'
import { beforeAll, expect, test } from 'vitest'
import { verifyAudit } from '../../protocol/audit.ts'
import { hashRecord, signHead, ZERO_HASH } from '../../protocol/chain.ts'
import {
  generateSigningJwk,
  importSigningKey,
  type PublicSigningJwk,
  publicSigningJwk,
  type SigningKey,
} from '../../protocol/keys.ts'
import type { JournalRecord } from '../../protocol/report.ts'
import { AT, SITE } from './order-samples.ts'

let key: SigningKey
let jwk: PublicSigningJwk

beforeAll(async () => {
  const whole = await generateSigningJwk()
  key = await importSigningKey(whole)
  jwk = publicSigningJwk(whole)
})

function chain(count: number, agent = 'HACON1'): JournalRecord[] {
  const records: JournalRecord[] = []
  let prev = ZERO_HASH
  for (let seq = 1; seq <= count; seq += 1) {
    const record: JournalRecord = {
      v: 1,
      site: SITE,
      agent,
      start: 1,
      epoch: 1,
      seq,
      prev,
      at: AT,
      kind: 'configured',
      revision: seq,
      detail: '',
    }
    records.push(record)
    prev = hashRecord(record)
  }
  return records
}

const recordLine = (record: object) => JSON.stringify({ type: 'record', record })
const keyLine = (agent = 'HACON1') => JSON.stringify({ type: 'key', agent, jwk })
const headLine = async (record: JournalRecord | undefined, signer = key) => {
  if (record === undefined) throw new Error('no such record')
  const { site, agent, seq } = record
  const token = await signHead({ v: 1, site, agent, seq, hash: hashRecord(record) }, signer)
  return JSON.stringify({ type: 'head', agent, token })
}

test('an unbroken, signed chain is whole', async () => {
  const one = chain(5)
  const two = chain(3, 'HACON2')
  const report = await verifyAudit([
    keyLine(),
    keyLine('HACON2'),
    ...one.slice(0, 3).map(recordLine),
    ...two.map(recordLine),
    await headLine(one[2]),
    ...one.slice(3).map(recordLine),
    await headLine(one[4]),
    await headLine(two[2]),
  ])
  expect(report).toMatchObject({ whole: true, unreadable: 0 })
  expect(report.agents[0]).toMatchObject({
    agent: 'HACON1',
    records: 5,
    firstSeq: 1,
    lastSeq: 5,
    headsGood: 2,
    coveredTo: 5,
    covered: true,
    keys: [key.kid],
    firstFault: null,
  })
})

test('any change to any record breaks the chain', async () => {
  const records = chain(6)
  const last = await headLine(records[5])
  await fc.assert(
    fc.asyncProperty(fc.nat(5), fc.constantFrom('detail', 'at', 'revision'), async (at, field) => {
      const value = { detail: 'altered', at: AT.replace('01:02', '01:03'), revision: 99 }[field]
      const altered = records.map((record, index) =>
        index === at ? { ...record, [field]: value } : record,
      )
      const report = await verifyAudit([keyLine(), ...altered.map(recordLine), last])
      expect(report.whole).toBe(false)
    }),
  )
})

test('a missing record is a gap that is named', async () => {
  const records = chain(6).filter(({ seq }) => seq !== 3 && seq !== 4)
  const report = await verifyAudit([
    keyLine(),
    ...records.map(recordLine),
    await headLine(records[3]),
  ])
  expect(report.whole).toBe(false)
  expect(report.agents[0]).toMatchObject({ gaps: [{ from: 3, to: 4 }], gapCount: 1, breaks: 0 })
  expect(report.agents[0]?.firstFault).toEqual({ line: 4, said: 'records 3 to 4 are missing' })
})

test('a tail without a signed head is not covered, and copies are harmless', async () => {
  const records = chain(4)
  const lines = [keyLine(), ...records.slice(0, 2).map(recordLine), await headLine(records[1])]
  const report = await verifyAudit([...lines, ...records.map(recordLine)])
  expect(report.whole).toBe(false)
  expect(report.agents[0]).toMatchObject({ coveredTo: 2, covered: false, breaks: 0, records: 4 })
})

test('a head by another key, or over another record, is bad', async () => {
  const records = chain(2)
  const stranger = await importSigningKey(await generateSigningJwk())
  const forged = await verifyAudit([
    keyLine(),
    ...records.map(recordLine),
    await headLine(records[1], stranger),
  ])
  expect(forged.agents[0]).toMatchObject({ headsBad: 1, covered: false })
  const [, second] = records
  const other = second && { ...second, detail: 'other' }
  const swapped = await verifyAudit([
    keyLine(),
    ...records.map(recordLine),
    await headLine(other as JournalRecord),
  ])
  expect(swapped.agents[0]).toMatchObject({ headsBad: 1, covered: false })
})

test('two histories under one sequence are a break', async () => {
  const records = chain(2)
  const [, second] = records
  const report = await verifyAudit([
    keyLine(),
    ...records.map(recordLine),
    recordLine({ ...second, detail: 'second history' }),
  ])
  expect(report.agents[0]).toMatchObject({
    breaks: 1,
    firstFault: { line: 4, said: 'record 2 is told in two ways' },
  })
})

test('an empty export proves nothing, and hostile lines never crash it', async () => {
  expect((await verifyAudit([])).whole).toBe(false)
  const line = fc.oneof(
    fc.string(),
    fc.json(),
    fc
      .record({
        type: fc.constantFrom('record', 'head', 'key'),
        agent: fc.string(),
        token: fc.string(),
      })
      .map((entry) => JSON.stringify(entry)),
  )
  await fc.assert(
    fc.asyncProperty(fc.array(line, { maxLength: 10 }), async (lines) => {
      expect((await verifyAudit(lines)).whole).toBe(false)
    }),
  )
})

test('an export of many thousand records is read in one pass that keeps few of them', async () => {
  const records = chain(5000)
  const last = await headLine(records[4999])
  const report = await verifyAudit(
    (function* () {
      yield keyLine()
      for (const record of records) yield recordLine(record)
      yield last
    })(),
  )
  expect(report).toMatchObject({ whole: true, lines: 5002 })
  const early = await headLine(records[0])
  const late = await verifyAudit([keyLine(), ...records.map(recordLine), early])
  expect(late.agents[0]?.firstFault?.said).toMatch(/not just before it/)
})
