// What the event log of a BMC tells of power supplies, and which cut an event belongs to (spec domain.md §9,
// "wiring check"). Pure; `agent/drivers/ipmi` reads the log.

/** One entry of a log that is about a power supply. */
export interface SupplyEvent {
  /** Record id in its log. */
  record: number
  /** Seconds by the BMC's own clock. */
  atS: number
  /** Sensor number: which supply, in the words of its BMC. */
  sensor: number
  /** What is or was wrong, such as `input lost`. */
  what: string
  /** True when it began, false when it ended. */
  bad: boolean
}

/** Where to read on: after this record, everything, or only where the log ends. */
export type LogFrom = { after: number } | 'all' | 'end'

export interface LogQuestion {
  server: string
  from: LogFrom
}

export interface LogLook {
  server: string
  /** Undefined when the log could not be read. */
  read:
    | {
        events: SupplyEvent[]
        /** The newest record, where the next look goes on; 0 for an empty log. */
        end: number
        /** The BMC's clock, and ours (epoch ms) at that moment; undefined when it does not tell its time. */
        clock?: { bmcS: number; wallMs: number } | undefined
      }
    | undefined
  detail: string
  /** When another act of ours last cut a feed of this machine, epoch ms. */
  cutAtMs?: number | undefined
}

export interface SupplyLoss {
  /** Whose supply. */
  server: string
  sensor: number
  what: string
  /** RFC 3339, by our clock as far as the BMC's could be compared, else by the BMC's own. */
  lostAt: string
  returnedAt?: string | undefined
}

/** Whole seconds of the log, the clock's drift since it was read, and the way of the answer. */
const CLOCK_TOLERANCE_MS = 3000

export interface SupplyTrouble {
  sensor: number
  what: string
}

/** Troubles that began and have not ended, by what was open before and these events. */
export function troubledSupplies(
  events: readonly Pick<SupplyEvent, 'sensor' | 'what' | 'bad'>[],
  before: readonly SupplyTrouble[] = [],
): SupplyTrouble[] {
  const open = new Map(before.map((trouble) => [`${trouble.sensor} ${trouble.what}`, trouble]))
  for (const { sensor, what, bad } of events) {
    const key = `${sensor} ${what}`
    if (bad) open.set(key, { sensor, what })
    else open.delete(key)
  }
  return [...open.values()]
}

export function suppliesIn(events: readonly SupplyEvent[]): number[] {
  return [...new Set(events.map(({ sensor }) => sensor))].sort((a, b) => a - b)
}

/** An event with its instant by our clock. */
export interface TimedEvent extends SupplyEvent {
  server: string
  /** Epoch ms; undefined when the BMC's clock is not known. */
  wallMs: number | undefined
}

export function timedEvents({ server, read }: LogLook): TimedEvent[] {
  const clock = read?.clock
  return (read?.events ?? []).map((event) => ({
    ...event,
    server,
    wallMs: clock ? clock.wallMs - (clock.bmcS - event.atS) * 1000 : undefined,
  }))
}

/**
 * The supply that went bad when a feed was cut and did not get better before it was switched on (epoch ms),
 * and whether it is good again. Only events that were written after the cut are given here; the clocks,
 * where known, must agree as well.
 */
export function findLoss(
  events: readonly TimedEvent[],
  cut: { fromMs: number; onMs: number },
): (SupplyLoss & { good: boolean }) | undefined {
  for (const began of events) {
    if (!began.bad || isBefore(began, cut.fromMs) || isAfter(began, cut.onMs)) continue
    const { server, sensor, what } = began
    const same = events.filter((event) => event.server === server && event.sensor === sensor)
    const good = troubledSupplies(same).length === 0
    const ended = good ? same.findLast(({ bad }) => !bad) : undefined
    if (ended && isBefore(ended, cut.onMs)) continue
    const returned = ended ? { returnedAt: instantOf(ended) } : {}
    return { server, sensor, what, lostAt: instantOf(began), ...returned, good }
  }
  return undefined
}

function isBefore({ wallMs }: TimedEvent, instantMs: number): boolean {
  return wallMs !== undefined && wallMs < instantMs - CLOCK_TOLERANCE_MS
}

function isAfter({ wallMs }: TimedEvent, instantMs: number): boolean {
  return wallMs !== undefined && wallMs > instantMs + CLOCK_TOLERANCE_MS
}

function instantOf({ wallMs, atS }: TimedEvent): string {
  return new Date(wallMs ?? atS * 1000).toISOString().replace('Z', '000Z')
}
