// What must hold for an order whatever its agent went through, told by the devices and by the journal on disk
// (spec architecture.md, "Never"; redundancy.md, "takeover").

import { verifyAudit } from '../../protocol/audit.ts'
import { hashRecord, signHead } from '../../protocol/chain.ts'
import { generateSigningJwk, importSigningKey, publicSigningJwk } from '../../protocol/keys.ts'
import type { JournalRecord, RecordOf } from '../../protocol/report.ts'
import { type Ending, isReset, type LadderKind } from './kinds.ts'
import type { Trace } from './play.ts'
import type { Touch } from './stand.ts'

/** Every promise that was broken, in words; none when all held. */
export async function brokenPromises(kind: LadderKind, trace: Trace): Promise<string[]> {
  return [
    ...oneEnd(kind, trace),
    ...shotsOnce(trace),
    ...actsIntended(trace),
    ...looksBeforeRepeats(trace),
    ...fencedMeansEnded(trace),
    ...onAfterConclusion(kind, trace),
    ...endedAsItMay(kind, trace),
    ...(await wholeChain(trace)),
  ]
}

function recordsOf<K extends JournalRecord['kind']>(trace: Trace, kind: K): RecordOf<K>[] {
  return trace.records.filter(
    (record): record is RecordOf<K> =>
      record.kind === kind && 'order' in record && record.order === trace.order,
  )
}

/** No accepted order is lost, none runs as two, and each has exactly one terminal record. */
function oneEnd(kind: LadderKind, trace: Trace): string[] {
  const once = isReset(kind.order)
    ? (['accepted', 'concluded', 'ended'] as const)
    : (['operation', 'operation-ended'] as const)
  const counts = once.map((name) => recordsOf(trace, name).length)
  const refused = recordsOf(trace, 'refused').length
  // An order that was not accepted when the agent died is judged anew by the next one.
  const wanted = refused === 0 ? 1 : 0
  if (refused <= 1 && counts.every((count) => count === wanted)) return []
  return [`${counts.join(', ')} records of kind ${once.join(', ')}, and ${refused} refusals`]
}

function shotsOnce({ acts, executed }: Trace): string[] {
  return ['nmi', 'reset'].flatMap((action) => {
    const sent = acts.filter(({ what }) => what === action).length
    const done = executed[action] ?? 0
    return sent > 1 || done > 1 ? [`${action} reached the BMC ${sent} times, acted ${done}`] : []
  })
}

/** Nothing leaves before its intent is durable, and no intent is acted on twice. */
function actsIntended(trace: Trace): string[] {
  const intents = recordsOf(trace, 'intent')
  const seen = new Map<string, number>()
  return trace.acts.flatMap(({ device, what, at }) => {
    const name = `${device} ${what}`
    const nth = (seen.get(name) ?? 0) + 1
    seen.set(name, nth)
    const ids = new Set(
      intents
        .filter(({ shot, mono }) => `${deviceOf(shot)} ${shot.action}` === name && mono.ms <= at)
        .map(({ shot }) => shot.id),
    )
    return ids.size < nth ? [`${name} reached its device ${nth} times by ${ids.size} intents`] : []
  })
}

/** A level command that an earlier life intended comes again only when a fresh look showed the opposite. */
function looksBeforeRepeats(trace: Trace): string[] {
  const intents = recordsOf(trace, 'intent')
  return intents.flatMap(({ shot, start, mono }) => {
    const { action } = shot
    if (action !== 'on' && action !== 'off') return []
    const name = `${deviceOf(shot)} ${action}`
    const before = intents.some(
      (other) => other.start < start && `${deviceOf(other.shot)} ${other.shot.action}` === name,
    )
    if (!before) return []
    const since = trace.livesAt[start - 1] ?? 0
    const look = trace.looks.findLast(
      ({ device, at }) => device === deviceOf(shot) && at > since && at <= mono.ms,
    )
    if (look === undefined) return [`${name} intended again in life ${start} without a look`]
    return look.what === action ? [`${name} intended again though it was read ${look.what}`] : []
  })
}

function deviceOf({ device }: RecordOf<'intent'>['shot']): string {
  return device.kind === 'bmc' ? 'bmc' : `${device.pdu}/${device.outlet}`
}

/** By the machine's own history: what ran at acceptance runs no more at the conclusion. */
function fencedMeansEnded(trace: Trace): string[] {
  const [accepted] = recordsOf(trace, 'accepted')
  const [concluded] = recordsOf(trace, 'concluded')
  if (!accepted || !concluded?.conclusion.fenced) return []
  const [from, to] = [accepted.mono.ms, concluded.mono.ms]
  const ran = trace.boots.findLast(({ at }) => at <= from)
  const runs = (state: string) => state === 'booting' || state === 'running'
  if (!ran || !runs(ran.state)) return []
  const ended = trace.boots.some(
    ({ at, state, bootId }) => at >= ran.at && at <= to && (bootId !== ran.bootId || !runs(state)),
  )
  return ended ? [] : ['told as fenced while the boot that ran at acceptance ran on']
}

function onAfterConclusion(kind: LadderKind, trace: Trace): string[] {
  if (!isReset(kind.order)) return []
  const [concluded] = recordsOf(trace, 'concluded')
  const isEarly = ({ what, at }: Touch) =>
    what === 'on' && (concluded === undefined || at < concluded.mono.ms)
  const acts = trace.acts.filter(isEarly).map(({ device }) => `${device} on before the conclusion`)
  const intents = recordsOf(trace, 'intent').filter(
    ({ shot, seq }) => shot.action === 'on' && seq < (concluded?.seq ?? Number.POSITIVE_INFINITY),
  )
  return [...acts, ...intents.map(({ shot }) => `on intended as ${shot.id} before the conclusion`)]
}

export function endingOf(trace: Trace): Ending {
  const [operation] = recordsOf(trace, 'operation-ended')
  const [concluded] = recordsOf(trace, 'concluded')
  const recovery = recordsOf(trace, 'recovery').at(-1)?.recovery ?? 'none'
  if (operation) return { result: operation.status, recovery }
  const [refused] = recordsOf(trace, 'refused')
  if (refused) return { result: 'refused', recovery }
  return { result: concluded?.conclusion.result ?? 'failed', recovery }
}

function endedAsItMay({ killed, calm, ...kind }: LadderKind, trace: Trace): string[] {
  const { result, recovery } = endingOf(trace)
  const may =
    (result === calm.result && recovery === calm.recovery) ||
    (trace.wasToBeKilled && killed.results.includes(result) && killed.recoveries.includes(recovery))
  const faults = may ? [] : [`it ended as ${result}, recovery ${recovery}`]
  if (kind.finally === 'runs' && !trace.running) faults.push('the machine does not run again')
  if (kind.finally === 'off' && trace.running) faults.push('the machine runs')
  return faults
}

/** By the same proof that anybody can make of an exported audit. */
async function wholeChain({ records }: Trace): Promise<string[]> {
  const jwk = await generateSigningJwk()
  const last = records.at(-1)
  if (!last) return ['the journal is empty']
  const { site, agent, seq } = last
  const head = { v: 1, site, agent, seq, hash: hashRecord(last) } as const
  const entries = [
    { type: 'key', agent, jwk: publicSigningJwk(jwk) },
    ...records.map((record) => ({ type: 'record', record })),
    { type: 'head', agent, token: await signHead(head, await importSigningKey(jwk)) },
  ]
  const report = await verifyAudit(entries.map((entry) => JSON.stringify(entry)))
  return report.whole ? [] : [`the audit is not whole: ${JSON.stringify(report)}`]
}
