// The reading of a report: every record is hashed as it came, and the signed head vouches for the batch.
// Records of a kind that this version does not know are taken all the same.
import { z } from '@hono/zod-openapi'
import { canonicalJson, hashText, verifyHead } from '../protocol/chain.ts'
import type { VerifyingKey } from '../protocol/keys.ts'
import { BATCH_RECORDS_MAX } from '../protocol/link.ts'

const chainFields = z.looseObject({
  site: z.string(),
  agent: z.string(),
  epoch: z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER),
  seq: z.number().int().positive().max(Number.MAX_SAFE_INTEGER),
  prev: z.string().regex(/^[0-9a-f]{64}$/),
  at: z.string().max(40),
  kind: z.string().max(60),
})

const reportSchema = z.object({
  type: z.literal('report'),
  records: z.array(chainFields).max(BATCH_RECORDS_MAX),
  head: z.string(),
})

export interface ReceivedRecord {
  seq: number
  epoch: number
  prev: string
  at: string
  kind: string
  hash: string
  /** Canonical JSON: what the hash covers. */
  text: string
  raw: unknown
}

export type ReadBatch =
  | { records: ReceivedRecord[]; head: { seq: number; hash: string; token: string } }
  | { fault: string }

export async function readBatch(
  message: unknown,
  expected: { site: string; agent: string; key: VerifyingKey },
): Promise<ReadBatch> {
  const report = reportSchema.safeParse(message)
  if (!report.success) return { fault: 'not a report of this version' }
  const { site, agent, key } = expected
  const records: ReceivedRecord[] = []
  for (const raw of report.data.records) {
    if (raw.site !== site || raw.agent !== agent) return { fault: 'a record of somebody else' }
    const text = tryCanonical(raw)
    if (text === undefined) return { fault: `record ${raw.seq} is not well-formed text` }
    const { seq, epoch, prev, at, kind } = raw
    const before = records.at(-1)
    if (before && (seq !== before.seq + 1 || prev !== before.hash)) {
      return { fault: `record ${seq} does not follow from the one before it` }
    }
    records.push({ seq, epoch, prev, at, kind, hash: hashText(text), text, raw })
  }
  const verified = await verifyHead(report.data.head, { keys: [key], site, agent })
  if ('refused' in verified) return { fault: `head: ${verified.detail}` }
  const { seq, hash } = verified.head
  const last = records.at(-1)
  if (last && (last.seq !== seq || last.hash !== hash)) {
    return { fault: 'the head is not that of the last record' }
  }
  return { records, head: { seq, hash, token: report.data.head } }
}

function tryCanonical(record: unknown): string | undefined {
  try {
    return canonicalJson(record)
  } catch {
    return undefined
  }
}
