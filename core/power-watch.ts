// What continuous reading of one server's power amounts to: what to show, when a link is lost, and when an
// "off" that nobody asked for is proven (spec domain.md §3, §5).
import {
  OFF_READS_APART_MS,
  type PowerLook,
  SESSION_SETTLED_MS,
  type WatchedOff,
} from './ladder/ladder.ts'

export type ShownPower = 'pon' | 'poff' | '--'
export type ShownLink = 'OK' | 'NG' | '--'

export interface PowerWatch {
  /** Last literal reading; kept when the link is lost. */
  power: ShownPower
  bmc: ShownLink
  /** The unbroken run of "off" in one session. */
  off?: WatchedOff
  /** The session in which power was last read on. */
  onSession?: number
  /** The off is proven: it counts as a completion. Ends when power is read on. */
  provenOff: boolean
}

export const UNWATCHED: PowerWatch = { power: '--', bmc: '--', provenOff: false }

/** Takes in one reading. `silent` and `unknown` change nothing that is shown but break a run of "off". */
export function watchPower(watch: PowerWatch, look: PowerLook): PowerWatch {
  const next: PowerWatch = { power: watch.power, bmc: watch.bmc, provenOff: watch.provenOff }
  if (watch.onSession !== undefined) next.onSession = watch.onSession
  if (look.identity === 'mismatch') return { ...next, power: '--', provenOff: false }
  switch (look.value) {
    case 'on':
      return { ...next, power: 'pon', onSession: look.session, provenOff: false }
    case 'off': {
      const off =
        watch.off?.session === look.session
          ? watch.off
          : {
              session: look.session,
              sessionOpenedAt: look.sessionOpenedAt,
              since: look.askedAt,
            }
      const proven =
        look.identity === 'proven' &&
        look.askedAt - off.since >= OFF_READS_APART_MS &&
        look.askedAt - look.sessionOpenedAt >= SESSION_SETTLED_MS
      return { ...next, power: 'poff', off, provenOff: watch.provenOff || proven }
    }
    default:
      return next
  }
}

/** The BMC's link as its driver tells it; a driver still connecting for the first time shows nothing. */
export function watchLink(watch: PowerWatch, state: 'up' | 'connecting' | 'down'): PowerWatch {
  if (state === 'up') return { ...watch, bmc: 'OK' }
  if (state === 'down') return { ...watch, bmc: 'NG' }
  return watch
}
