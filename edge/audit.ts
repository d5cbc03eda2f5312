// The audit as an export: keys, records and signed heads in the order in which `audit verify` reads them, so
// that it needs nothing but the file.
import { listAgentKeys } from '../db/agents.ts'
import type { Db } from '../db/client.ts'
import {
  type AuditFilter,
  type Chain,
  listChain,
  listRecordsByTime,
  listRecordsOfOrders,
  type RecordRow,
} from '../db/records.ts'
import { type JournalRecord, recordSchema } from '../protocol/report.ts'
import { localTimeIn, resetLog } from '../protocol/resetlog.ts'
import { ApiError } from './errors.ts'

const PAGE = 500
/** What goes out at once; most exports are no longer, and need no stream. */
const PIECE_CHARACTERS = 65_536
/** A reset log is put together in memory. */
export const RESETLOG_RECORDS_MAX = 20_000

export interface AuditQuestion extends AuditFilter {
  site: string
  agent?: string | undefined
  /** Only records with a higher sequence. */
  after: number
}

/** NDJSON in pieces of whole lines; memory is bounded by a page and a piece. */
export async function* auditText(db: Db, question: AuditQuestion): AsyncGenerator<string> {
  let held = ''
  for await (const text of siteText(db, question)) {
    held += text
    if (held.length < PIECE_CHARACTERS) continue
    yield held
    held = ''
  }
  if (held !== '') yield held
}

async function* siteText(db: Db, question: AuditQuestion): AsyncGenerator<string> {
  const keys = (await listAgentKeys(db, question.site)).filter(
    ({ agent }) => question.agent === undefined || agent === question.agent,
  )
  yield keys.map(({ agent, key }) => line({ type: 'key', agent, jwk: key })).join('')
  for (const { site, agent, kid } of keys) {
    yield* chainText(db, { site, agent, kid }, question)
  }
}

async function* chainText(db: Db, chain: Chain, question: AuditQuestion): AsyncGenerator<string> {
  const { agent } = chain
  let after = { seq: question.after, hash: 'g' }
  for (;;) {
    const page = await listChain(db, chain, question, { after, limit: PAGE })
    const last = page.at(-1)
    if (!last) return
    // The stored text is canonical JSON: it goes out as it is.
    yield page
      .map(({ record, head }) => {
        const signed = head === null ? '' : line({ type: 'head', agent, token: head })
        return `{"type":"record","record":${record}}\n${signed}`
      })
      .join('')
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
