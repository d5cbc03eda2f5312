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

/** Sensors with trouble that began and has not ended, as far as these events tell. */
export function troubledSupplies(
  events: readonly SupplyEvent[],
): { sensor: number; what: string }[] {
  const open = new Map<string, { sensor: number; what: string }>()
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
 * The supply that went bad by a cut between these instants (epoch ms), and whether it is good again. Only
 * events that were written after the cut are given here; the clocks, where known, must agree as well.
 */
export function findLoss(
  events: readonly TimedEvent[],
  cut: { fromMs: number; untilMs: number },
): (SupplyLoss & { good: boolean }) | undefined {
  const began = events.find((event) => event.bad && isWithin(event, cut))
  if (!began) return undefined
  const { server, sensor, what } = began
  const same = events.filter((event) => event.server === server && event.sensor === sensor)
  const good = troubledSupplies(same).length === 0
  const ended = same.findLast(({ bad }) => !bad)
  return {
    server,
    sensor,
    what,
    lostAt: instantOf(began),
    ...(good && ended ? { returnedAt: instantOf(ended) } : {}),
    good,
  }
}

function isWithin(
  { wallMs }: TimedEvent,
  { fromMs, untilMs }: { fromMs: number; untilMs: number },
) {
  if (wallMs === undefined) return true
  return wallMs >= fromMs - CLOCK_TOLERANCE_MS && wallMs <= untilMs + CLOCK_TOLERANCE_MS
}

function instantOf({ wallMs, atS }: TimedEvent): string {
  return new Date(wallMs ?? atS * 1000).toISOString().replace('Z', '000Z')
}
