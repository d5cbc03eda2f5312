// Long polls: look, and look again when something changed.
import type { Deps } from './ports.ts'

/** A change may have come through another process: look at least so often. */
export const LOOK_EVERY_MS = 2000

/** What `look` gives once it is decided, or when `waitMs` have passed or the caller has gone. */
export async function waitFor<T>(
  { signals, clock }: Pick<Deps, 'signals' | 'clock'>,
  topic: string,
  until: {
    look: () => Promise<T>
    isDecided: (seen: T) => boolean
    waitMs: number
    aborted: AbortSignal
  },
): Promise<T> {
  const { look, isDecided, waitMs, aborted } = until
  if (waitMs <= 0) return await look()
  const deadline = clock.now() + waitMs
  const listener = signals.listen(topic)
  try {
    for (;;) {
      const seen = await look()
      const leftMs = deadline - clock.now()
      if (isDecided(seen) || leftMs <= 0 || aborted.aborted) return seen
      if (!(await listener.next(Math.min(leftMs, LOOK_EVERY_MS)))) return seen
    }
  } finally {
    listener.close()
  }
}
