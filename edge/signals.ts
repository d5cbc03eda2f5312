// Signals inside one process or object. Of others is heard by looking into the database now and then.
import type { Clock } from '../core/ports.ts'
import type { Listener, Signals } from './ports.ts'

export interface LocalSignals extends Signals {
  /** Wakes everybody, and keeps nobody waiting from now on. */
  stop(): void
}

export function localSignals(clock: Clock): LocalSignals {
  const topics = new Map<string, Set<() => void>>()
  let stopped = false
  const listen = (topic: string): Listener => {
    let pending = false
    let wake: (() => void) | undefined
    const ring = () => {
      pending = true
      wake?.()
    }
    const listeners = topics.get(topic) ?? new Set()
    listeners.add(ring)
    topics.set(topic, listeners)
    return {
      next: (timeoutMs) =>
        new Promise((resolve) => {
          const cancel = clock.after(stopped ? 0 : timeoutMs, () => wake?.())
          wake = () => {
            wake = undefined
            pending = false
            cancel()
            resolve(!stopped)
          }
          if (pending) wake()
        }),
      close() {
        listeners.delete(ring)
        if (listeners.size === 0 && topics.get(topic) === listeners) topics.delete(topic)
        wake?.()
      },
    }
  }
  const notify = (topic: string) => {
    for (const ring of topics.get(topic) ?? []) ring()
  }
  return {
    listen,
    notify,
    stop() {
      stopped = true
      for (const topic of [...topics.keys()]) notify(topic)
    },
  }
}
