// Offline proof of an exported audit: every agent's records form one unbroken hash chain, and signed heads
// cover it. One pass, memory bounded by the number of agents (spec architecture.md, decision 6).
import { z } from 'zod'
import { hashRecord, verifyHead, ZERO_HASH } from './chain.ts'
import { importVerifyingKey, type VerifyingKey } from './keys.ts'
import { recordSchema } from './report.ts'

export const AUDIT_LINE_MAX = 262_144
export const AUDIT_AGENTS_MAX = 1000
const KEYS_MAX = 20
/** A head may stand up to so many records of its agent after the one that it names. */
const RECENT_MAX = 1000
const LISTED_MAX = 20

export interface AuditFault {
  /** Of the export, counted from 1. */
  line: number
  said: string
}

export interface AgentAudit {
  agent: string
  site: string | null
  records: number
  firstSeq: number | null
  lastSeq: number | null
  /** Missing sequences; at most the first 20 are listed. */
  gaps: { from: number; to: number }[]
  gapCount: number
  /** Records that do not follow from the one before. */
  breaks: number
  /** Signed heads that fit, and those that do not. */
  headsGood: number
  headsBad: number
  /** The newest sequence that a good head covers; null for none. */
  coveredTo: number | null
  /** Whether a good head covers the very last record. */
  covered: boolean
  /** Fingerprints of the keys that the export names: to be compared with those of the enrolment. */
  keys: string[]
  firstFault: AuditFault | null
}

export interface AuditReport {
  /** No fault at all, and every agent covered from its first to its last record given. */
  whole: boolean
  lines: number
  agents: AgentAudit[]
  /** Lines that belong to no agent. */
  unreadable: number
  firstUnreadable: AuditFault | null
}

const entrySchema = z.discriminatedUnion('type', [
  z.object({ type: z.literal('record'), record: z.unknown() }),
  z.object({ type: z.literal('head'), agent: z.string().min(1).max(200), token: z.string() }),
  z.object({ type: z.literal('key'), agent: z.string().min(1).max(200), jwk: z.unknown() }),
])
export type AuditEntry = z.infer<typeof entrySchema>

interface Chain {
  audit: AgentAudit
  keys: VerifyingKey[]
  last: { seq: number; hash: string } | undefined
  /** Hash by sequence of the newest records. */
  recent: Map<number, string>
}

/**
 * Reads NDJSON lines, each `{type:'record', record}`, `{type:'head', agent, token}` or `{type:'key', agent,
 * jwk}`; keys before heads, an agent's records by ascending sequence, a head after its record.
 */
export async function verifyAudit(
  lines: Iterable<string> | AsyncIterable<string>,
): Promise<AuditReport> {
  const chains = new Map<string, Chain>()
  const report: AuditReport = {
    whole: false,
    lines: 0,
    agents: [],
    unreadable: 0,
    firstUnreadable: null,
  }
  for await (const line of lines) {
    report.lines += 1
    if (line.trim() === '') continue
    const fault = await readLine(line, report.lines, chains)
    if (fault === undefined) continue
    report.unreadable += 1
    report.firstUnreadable ??= { line: report.lines, said: fault }
  }
  report.agents = [...chains.values()].map(({ audit }) => audit)
  report.whole =
    report.unreadable === 0 &&
    report.agents.length > 0 &&
    report.agents.every((audit) => audit.firstFault === null && audit.covered)
  return report
}

/** Returns what is wrong with a line that belongs to no agent. */
async function readLine(
  line: string,
  number: number,
  chains: Map<string, Chain>,
): Promise<string | undefined> {
  if (line.length > AUDIT_LINE_MAX) return `line has more than ${AUDIT_LINE_MAX} characters`
  const entry = entrySchema.safeParse(parseJson(line))
  if (!entry.success) return 'line is not a record, head or key entry in JSON'
  if (entry.data.type === 'record') return addRecord(entry.data.record, number, chains)
  const chain = chainOf(entry.data.agent, chains)
  if (chain === undefined) return `more than ${AUDIT_AGENTS_MAX} agents`
  if (entry.data.type === 'key') await addKey(chain, entry.data.jwk, number)
  else await addHead(chain, entry.data.token, number)
  return undefined
}

function addRecord(raw: unknown, line: number, chains: Map<string, Chain>): string | undefined {
  const parsed = recordSchema.safeParse(raw)
  if (!parsed.success || typeof raw !== 'object' || raw === null)
    return 'record is not of version 1'
  const hash = tryHash(raw)
  if (hash === undefined) return 'record holds text that is not well-formed'
  const { agent, site, seq, prev } = parsed.data
  const chain = chainOf(agent, chains)
  if (chain === undefined) return `more than ${AUDIT_AGENTS_MAX} agents`
  const { audit, last } = chain
  audit.site ??= site
  if (site !== audit.site) fault(audit, line, `record ${seq} belongs to another site`)
  if (last !== undefined && seq <= last.seq) {
    addRepeat(chain, seq, hash, line)
    return undefined
  }
  link(chain, seq, prev, line)
  audit.records += 1
  audit.firstSeq ??= seq
  audit.lastSeq = seq
  audit.covered = false
  chain.last = { seq, hash }
  chain.recent.set(seq, hash)
  if (chain.recent.size > RECENT_MAX) {
    const oldest = chain.recent.keys().next()
    if (!oldest.done) chain.recent.delete(oldest.value)
  }
  return undefined
}

/** A copy is harmless; another record under a sequence already told is a second history. */
function addRepeat(chain: Chain, seq: number, hash: string, line: number): void {
  const known = chain.recent.get(seq)
  if (known === hash) return
  chain.audit.breaks += 1
  const said = known === undefined ? 'comes too late to be compared' : 'is told in two ways'
  fault(chain.audit, line, `record ${seq} ${said}`)
}

function link(chain: Chain, seq: number, prev: string, line: number): void {
  const { audit, last } = chain
  const expectedSeq = last === undefined ? seq : last.seq + 1
  if (seq !== expectedSeq) {
    audit.gapCount += 1
    if (audit.gaps.length < LISTED_MAX) audit.gaps.push({ from: expectedSeq, to: seq - 1 })
    fault(audit, line, `records ${expectedSeq} to ${seq - 1} are missing`)
    return
  }
  const before = last?.hash ?? (seq === 1 ? ZERO_HASH : prev)
  if (prev === before) return
  audit.breaks += 1
  fault(audit, line, `record ${seq} does not follow from the record before it`)
}

async function addKey(chain: Chain, jwk: unknown, line: number): Promise<void> {
  if (chain.keys.length >= KEYS_MAX) {
    fault(chain.audit, line, `more than ${KEYS_MAX} keys`)
    return
  }
  try {
    const key = await importVerifyingKey(jwk)
    if (chain.audit.keys.includes(key.kid)) return
    chain.keys.push(key)
    chain.audit.keys.push(key.kid)
  } catch {
    fault(chain.audit, line, 'key is not a public Ed25519 JWK')
  }
}

async function addHead(chain: Chain, token: string, line: number): Promise<void> {
  const { audit } = chain
  const verified = await verifyHead(token, { keys: chain.keys, agent: audit.agent })
  const said = 'refused' in verified ? verified.detail : headFault(chain, verified.head)
  if (said !== undefined) {
    audit.headsBad += 1
    fault(audit, line, `signed head: ${said}`)
    return
  }
  if ('refused' in verified) return
  audit.headsGood += 1
  audit.coveredTo = Math.max(audit.coveredTo ?? 0, verified.head.seq)
  audit.covered = audit.coveredTo === audit.lastSeq
}

function headFault(
  chain: Chain,
  head: { site: string; seq: number; hash: string },
): string | undefined {
  if (chain.audit.site !== null && head.site !== chain.audit.site) return 'is of another site'
  const hash = chain.recent.get(head.seq)
  if (hash === undefined) return `names record ${head.seq}, which is not just before it`
  return hash === head.hash ? undefined : `record ${head.seq} is not the one that was signed`
}

function chainOf(agent: string, chains: Map<string, Chain>): Chain | undefined {
  const known = chains.get(agent)
  if (known !== undefined || chains.size >= AUDIT_AGENTS_MAX) return known
  const audit: AgentAudit = {
    agent,
    site: null,
    records: 0,
    firstSeq: null,
    lastSeq: null,
    gaps: [],
    gapCount: 0,
    breaks: 0,
    headsGood: 0,
    headsBad: 0,
    coveredTo: null,
    covered: false,
    keys: [],
    firstFault: null,
  }
  const chain = { audit, keys: [], last: undefined, recent: new Map() }
  chains.set(agent, chain)
  return chain
}

function fault(audit: AgentAudit, line: number, said: string): void {
  audit.firstFault ??= { line, said }
}

function tryHash(record: object): string | undefined {
  try {
    return hashRecord(record)
  } catch {
    return undefined
  }
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined
  }
}
