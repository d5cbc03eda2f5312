// The audit as an export: keys, records and signed heads in the order in which `audit verify` reads them, so
// that it needs nothing but the file.
import { listAgentKeys } from '../db/agents.ts'
import type { Db } from '../db/client.ts'
import {
  type AuditFilter,
  type Chain,
  listChain,
  listHeads,
  listRecordsByTime,
  listRecordsOfOrders,
  type RecordRow,
} from '../db/records.ts'
import { type JournalRecord, recordSchema } from '../protocol/report.ts'
import { localTimeIn, resetLog } from '../protocol/resetlog.ts'
import { ApiError } from './errors.ts'

const PAGE = 500
/** A reset log is put together in memory. */
export const RESETLOG_RECORDS_MAX = 20_000

export interface AuditQuestion extends AuditFilter {
  site: string
  agent?: string | undefined
  /** Only records with a higher sequence. */
  after: number
}

/** NDJSON, line by line; memory is bounded by one page. */
export async function* auditLines(db: Db, question: AuditQuestion): AsyncGenerator<string> {
  const keys = (await listAgentKeys(db, question.site)).filter(
    ({ agent }) => question.agent === undefined || agent === question.agent,
  )
  for (const { agent, key } of keys) yield line({ type: 'key', agent, jwk: key })
  for (const { site, agent, kid } of keys) {
    yield* chainLines(db, { site, agent, kid }, question)
  }
}

async function* chainLines(db: Db, chain: Chain, question: AuditQuestion): AsyncGenerator<string> {
  let after = { seq: question.after, hash: 'g' }
  for (;;) {
    const page = await listChain(db, chain, question, { after, limit: PAGE })
    const [first] = page
    const last = page.at(-1)
    if (!first || !last) return
    const heads = await listHeads(db, chain, { from: first.seq, to: last.seq })
    for (const { seq, hash, record } of page) {
      // The stored text is canonical JSON: it goes out as it is.
      yield `{"type":"record","record":${record}}\n`
      for (const head of heads) {
        if (head.seq !== seq || head.hash !== hash) continue
        yield line({ type: 'head', agent: chain.agent, token: head.token })
      }
    }
    if (page.length < PAGE) return
    after = { seq: last.seq, hash: last.hash }
  }
}

function line(entry: object): string {
  return `${JSON.stringify(entry)}\n`
}

/**
 * The text form of domain.md §10. Orders that touch the range are given whole.
 *
 * @throws ApiError `range-too-large`, `invalid-request` for an unknown time zone.
 */
export async function resetLogLines(
  db: Db,
  question: AuditQuestion,
  timeZone: string,
): Promise<string[]> {
  const local = zone(timeZone)
  const inRange = await listRecordsByTime(db, question.site, question, RESETLOG_RECORDS_MAX + 1)
  const orders = [...new Set(inRange.flatMap(({ order }) => order ?? []))]
  const whole = await listRecordsOfOrders(db, question.site, orders, RESETLOG_RECORDS_MAX + 1)
  if (inRange.length > RESETLOG_RECORDS_MAX || whole.length > RESETLOG_RECORDS_MAX) {
    const detail = `more than ${RESETLOG_RECORDS_MAX} records; narrow it by server, from and to`
    throw new ApiError('range-too-large', detail)
  }
  const rows = new Map([...inRange, ...whole].map((row) => [row.hash, row]))
  const parsed = [...rows.values()].flatMap(parse)
  const asked = question.agent
  const records = asked === undefined ? parsed : parsed.filter(({ agent }) => agent === asked)
  return [...resetLog(records, local)]
}

function parse({ record }: RecordRow): JournalRecord[] {
  const parsed = recordSchema.safeParse(JSON.parse(record))
  return parsed.success ? [parsed.data] : []
}

function zone(timeZone: string): ReturnType<typeof localTimeIn> {
  try {
    return localTimeIn(timeZone)
  } catch (cause) {
    throw new ApiError(
      'invalid-request',
      `tz "${timeZone.slice(0, 60)}" is not an IANA time zone`,
      {
        errors: [{ pointer: '/tz', detail: 'such as Asia/Tokyo or UTC' }],
        cause,
      },
    )
  }
}
