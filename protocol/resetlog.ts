// The reset log in the ancestor's text form, one line per event of five kinds (spec domain.md §10).
import type { Result } from '../core/outcome.ts'
import type { Shot } from '../core/shot.ts'
import { inOrder } from './record-order.ts'
import type { BodyOf, JournalRecord, RecordOf } from './report.ts'
import { type ShotTold, shotsOf, stepKindOf, wasAnswered } from './reset-steps.ts'

/** RFC 3339 UTC with microseconds in, local `YYYY/MM/DD HH:MM:SS:SSSSSS` out. */
export type LocalTime = (instant: string) => string

/** What the lines of an order say of it; for orders whose acceptance is not among the records. */
export type OrderContext = Pick<BodyOf<'accepted'>, 'request' | 'plan'>

const NO_VALUE = '----'

/** Throws when the runtime does not know the zone, an IANA name such as `Asia/Tokyo`. */
export function localTimeIn(timeZone: string): LocalTime {
  const format = new Intl.DateTimeFormat('en-US', {
    timeZone,
    hourCycle: 'h23',
    year: 'numeric',
    month: '2-digit',
    day: '2-digit',
    hour: '2-digit',
    minute: '2-digit',
    second: '2-digit',
  })
  return (instant) => {
    // A record has the form of an instant, and may yet name a thirteenth month.
    if (Number.isNaN(Date.parse(instant))) return instant
    const part = Object.fromEntries(
      format.formatToParts(new Date(instant)).map(({ type, value }) => [type, value]),
    )
    const day = `${part['year']?.padStart(4, '0')}/${part['month']}/${part['day']}`
    const micros = /\.(\d{6})/.exec(instant)?.[1] ?? '000000'
    return `${day} ${part['hour']}:${part['minute']}:${part['second']}:${micros}`
  }
}

/**
 * Lines of the records given, in order of time. Give all records of an order together, or its context:
 * what neither tells stands as `----`.
 */
export function* resetLog(
  unordered: Iterable<JournalRecord>,
  local: LocalTime,
  contexts: ReadonlyMap<string, OrderContext> = new Map(),
): Generator<string> {
  const records = inOrder(unordered)
  const orders = gather(records, contexts)
  for (const record of records) {
    const order = 'order' in record && record.order !== null ? orders.get(record.order) : undefined
    for (const fields of linesOf(record, order ?? { shots: new Map() })) {
      yield `[${local(record.at)}] ${fields.join(' ')}`
    }
  }
}

interface Known {
  context?: OrderContext
  /** The acceptance that is shown: a takeover may write another. */
  acceptance?: JournalRecord
  /** Of a restore or test: the server, its feeds, the system. */
  operation?: RecordOf<'operation'>
  shots: ReadonlyMap<number, ShotTold>
}

function gather(
  records: readonly JournalRecord[],
  contexts: ReadonlyMap<string, OrderContext>,
): Map<string, Known> {
  const own = new Map<string, JournalRecord[]>()
  for (const record of records) {
    if (!('order' in record) || record.order === null) continue
    const list = own.get(record.order) ?? []
    list.push(record)
    own.set(record.order, list)
  }
  const orders = new Map<string, Known>()
  for (const [id, list] of own) {
    const acceptance = list.find((record) => record.kind === 'accepted')
    const context = acceptance ?? contexts.get(id)
    const operation = list.find((record) => record.kind === 'operation')
    orders.set(id, {
      shots: shotsOf(list),
      ...(acceptance === undefined ? {} : { acceptance }),
      ...(context === undefined ? {} : { context }),
      ...(operation === undefined ? {} : { operation }),
    })
  }
  return orders
}

function linesOf(record: JournalRecord, order: Known): string[][] {
  const line = (kind: string, direction: 'RECV' | 'SEND', ...rest: string[]) => [
    kind,
    ...target(order),
    direction,
    ...rest,
  ]
  switch (record.kind) {
    case 'accepted':
      if (record !== order.acceptance) return []
      return [line('RM-RESET', 'RECV', ...requester(order), kindOf(order), NO_VALUE)]
    case 'refused':
      return order.context === undefined ? refusedLines(record) : []
    case 'intent': {
      const told = order.shots.get(record.shot.id)
      // Journalled before it was tried, and then there was no way to the device: nothing was sent.
      if (record !== told?.intent || told.answer?.said === 'unreachable') return []
      return [shotLine(record.shot, 'SEND', order)]
    }
    case 'answer': {
      const told = order.shots.get(record.shot)
      return told !== undefined && wasAnswered(record.answer)
        ? [shotLine(told.shot, 'RECV', order)]
        : []
    }
    case 'noticed':
      return [noticedLine(record, order)]
    case 'concluded': {
      const { result } = record.conclusion
      return [line('RM-RESET', 'SEND', ...requester(order), kindOf(order), answerWord(result))]
    }
    default:
      return []
  }
}

function shotLine(shot: Shot, direction: 'RECV' | 'SEND', order: Known): string[] {
  const head = [stepKindOf(shot), ...target(order), direction, ...requester(order)]
  const { device } = shot
  if (device.kind === 'bmc') return [...head, kindOf(order)]
  const feeds = order.context?.plan.feeds ?? order.operation?.feeds ?? []
  const address = feeds.find((feed) => feed.pdu === device.pdu)?.pduAddress ?? NO_VALUE
  return [...head, address, String(device.outlet), shot.action === 'on' ? 'ON' : 'OFF']
}

function noticedLine(record: RecordOf<'noticed'>, order: Known): string[] {
  const { server, system, address, port } = record
  const from = [address, String(port), String(system.number)]
  return ['ATTENTION', server, String(system.number), 'RECV', ...from, kindOf(order), 'DUMP']
}

function refusedLines(record: RecordOf<'refused'>): string[][] {
  const { request } = record
  if (request === null) return []
  const head = ['RM-RESET', request.server, String(request.system?.number ?? NO_VALUE)]
  const by = addressOf(request.requester)
  return [
    [...head, 'RECV', ...by, NO_VALUE, NO_VALUE],
    [...head, 'SEND', ...by, NO_VALUE, record.result ?? NO_VALUE],
  ]
}

function target(order: Known): string[] {
  const plan = order.context?.plan
  return [
    plan?.server ?? order.operation?.target.server ?? NO_VALUE,
    String(plan?.system?.number ?? order.operation?.system?.number ?? NO_VALUE),
  ]
}

function requester(order: Known): string[] {
  return addressOf(order.context?.request.requester)
}

function addressOf(system: { address: string; port: number; number: number } | undefined) {
  if (system === undefined) return [NO_VALUE, NO_VALUE, NO_VALUE]
  return [system.address, String(system.port), String(system.number)]
}

function kindOf(order: Known): string {
  return order.context?.plan.kind ?? (order.operation?.system ? 'P' : NO_VALUE)
}

/** A request is answered DUMP for a stop notice and for a hard reset alike (spec domain.md §3). */
function answerWord(result: Result): string {
  return result === 'REBOOT' ? 'DUMP' : result
}
