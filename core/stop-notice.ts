// Stop notices: datagrams by which a panicked system says that its crash kernel runs (spec protocols.md §4).
// They carry neither name nor proof: only the source address tells who stopped, only the rhythm how recent
// the word is (spec domain.md §3).

/** The stock sender's default, and the longest interval believed. */
const INTERVAL_MAX_MS = 10_000
/** The stock sender counts in whole seconds. */
const INTERVAL_MIN_MS = 1_000
/** One round of the sender reaches every address of this host: what follows closer is the same notice. */
const ROUND_MS = 500
const FRESH_INTERVALS = 3
/** Enough rounds to see past a few lost datagrams; bounds the memory of an endless sender. */
const ROUNDS_KEPT = 8

export interface NoticeHistory {
  /** Monotonic ms of the last rounds heard, oldest first. */
  rounds: readonly number[]
  /** Monotonic ms of the last datagram. */
  lastAt: number
}

/**
 * The history with a notice heard at monotonic `at`; undefined is the empty one. After a silence too long
 * for any sender a new series begins, which may have another interval.
 */
export function recordNotice(history: NoticeHistory | undefined, at: number): NoticeHistory {
  if (!history || at - history.lastAt > FRESH_INTERVALS * INTERVAL_MAX_MS) {
    return { rounds: [at], lastAt: at }
  }
  if (at <= history.lastAt) return history
  const round = history.rounds.at(-1) ?? at
  if (at - round < ROUND_MS) return { ...history, lastAt: at }
  return { rounds: [...history.rounds, at].slice(-ROUNDS_KEPT), lastAt: at }
}

/**
 * Send interval in ms: the shortest gap heard, since a lost datagram only makes a gap longer; 10 s until
 * two rounds were heard. Always 1 to 10 s.
 */
export function noticeIntervalMs(history: NoticeHistory): number {
  const gaps = history.rounds.slice(1).map((at, index) => at - (history.rounds[index] ?? at))
  return Math.max(INTERVAL_MIN_MS, Math.min(INTERVAL_MAX_MS, ...gaps))
}

/** True while the last notice is at most three send intervals old at monotonic `now`. */
export function isFresh(history: NoticeHistory | undefined, now: number): boolean {
  return (
    history !== undefined && now - history.lastAt <= FRESH_INTERVALS * noticeIntervalMs(history)
  )
}

/** True when a notice was heard in the `windowMs` before monotonic `now`. */
export function heardWithin(
  history: NoticeHistory | undefined,
  now: number,
  windowMs: number,
): boolean {
  return history !== undefined && now - history.lastAt <= windowMs
}

/**
 * The one registered system at the notice's source address. Undefined for a stranger, and also when two
 * are registered there: then nobody can tell which one stopped.
 */
export function findNoticeSystem<System extends { address: string }>(
  systems: readonly System[],
  notice: { address: string },
): System | undefined {
  const source = canonicalAddress(notice.address)
  const there = systems.filter((system) => canonicalAddress(system.address) === source)
  return there.length === 1 ? there[0] : undefined
}

/**
 * One spelling per IP address: IPv4 mapped into IPv6 becomes IPv4, other IPv6 eight lower-case groups
 * without leading zeros. What is no address comes back in lower case.
 */
export function canonicalAddress(address: string): string {
  const text = address.toLowerCase()
  if (!text.includes(':')) return text
  const [ip = '', zone] = text.split('%', 2)
  const dotted = /^(.*:)(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(ip)
  const pair = (high: string | undefined, low: string | undefined) =>
    (Number(high) * 256 + Number(low)).toString(16)
  const [, head = ip, a, b, c, d] = dotted ?? []
  const colons = dotted ? `${head}${pair(a, b)}:${pair(c, d)}` : ip
  const groups = expandGroups(colons)
  if (!groups) return text
  const [g6 = 0, g7 = 0] = groups.slice(6)
  if (groups.slice(0, 5).every((group) => group === 0) && groups[5] === 0xffff) {
    return `${g6 >> 8}.${g6 & 255}.${g7 >> 8}.${g7 & 255}`
  }
  const spelt = groups.map((group) => group.toString(16)).join(':')
  return zone === undefined ? spelt : `${spelt}%${zone}`
}

/** The eight groups of an IPv6 address; undefined when it is not one. */
function expandGroups(text: string): number[] | undefined {
  const halves = text.split('::')
  if (halves.length > 2) return undefined
  const [left = [], right] = halves.map((half) => (half === '' ? [] : half.split(':')))
  const missing = 8 - left.length - (right?.length ?? 0)
  if (right ? missing < 1 : missing !== 0) return undefined
  const groups = [...left, ...Array<string>(right ? missing : 0).fill('0'), ...(right ?? [])]
  return groups.every((group) => /^[0-9a-f]{1,4}$/.test(group))
    ? groups.map((group) => Number.parseInt(group, 16))
    : undefined
}
