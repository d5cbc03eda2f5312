// Effects about which no device has told yet. They outlive their ladder, a FAIL and a restart, until a later
// answer of the same device shows that they were handled or dropped (spec architecture.md, "Never").

import { REORDERING_GRACE_MS } from '../core/ladder/ladder.ts'
import type { Clock } from '../core/ports.ts'
import type { Shot } from '../core/shot.ts'
import type { DeviceName } from './devices.ts'

export interface LooseShot {
  order: string
  /** Whose machine it may still hit. */
  server: string
  shot: Shot
  /** Whether it stops that server: a single feed of several does not. */
  stops: boolean
  /** Monotonic ms. */
  sentAt: number
}

export interface LooseShots {
  add(shot: LooseShot): void
  /** The device answered for this very shot. */
  answered(order: string, shot: number): void
  /** The device answered something asked at `askedAt`: what went out before it is no longer under way. */
  heard(device: DeviceName, askedAt: number): void
  list(): LooseShot[]
}

/** `settled` is called once for each shot that a later answer of its device has settled. */
export function createLooseShots(clock: Clock, settled: (shot: LooseShot) => void): LooseShots {
  const loose = new Map<string, LooseShot>()
  const key = (order: string, shot: number) => `${order}#${shot}`
  return {
    add: (shot) => loose.set(key(shot.order, shot.shot.id), shot),
    answered: (order, shot) => loose.delete(key(order, shot)),
    list: () => [...loose.values()],
    heard(device, askedAt) {
      if (loose.size === 0) return
      for (const shot of loose.values()) {
        if (shot.sentAt >= askedAt || !sameDevice(device, shot)) continue
        // Its own answer may trail by a moment; only then is the later one what settles it.
        clock.after(REORDERING_GRACE_MS, () => {
          if (loose.delete(key(shot.order, shot.shot.id))) settled(shot)
        })
      }
    },
  }
}

function sameDevice(device: DeviceName, { server, shot }: LooseShot): boolean {
  return shot.device.kind === 'bmc'
    ? device.kind === 'bmc' && device.name === server
    : device.kind === 'pdu' && device.name === shot.device.pdu
}
