// Draws the faults of one ladder: around the moment of its request, at the devices and paths that it needs, at
// the agent and at the hub.
import type { Chance } from './chance.ts'
import type { Fault } from './faults.ts'
import type { Fate } from './machine.ts'
import type { ServerPlan } from './scenario.ts'

export interface Target {
  at: number
  server: ServerPlan
  servers: readonly ServerPlan[]
}

export const STATION = 'HACON1'
const BEFORE_MS = 1500
const DURING_MS = 14_000

type Draw = (chance: Chance, at: number, target: Target) => Fault

/** At least one, mostly some more. */
export function drawFaults(chance: Chance, target: Target): Fault[] {
  const count = 1 + (chance.happens(0.5) ? 1 : 0) + (chance.happens(0.2) ? chance.between(1, 3) : 0)
  return Array.from({ length: count }, () => {
    const early = chance.happens(0.3)
    const offset = early ? -chance.between(0, BEFORE_MS) : chance.log(1, DURING_MS)
    return chance.pick(DRAWS)(chance, Math.max(10, target.at + offset), target)
  })
}

/** What breaks without saying so is left out for a reset: nothing in this world could tell. */
const HONEST: readonly Fate[] = ['refuses', 'reply-lost']
const ANY: readonly Fate[] = ['refuses', 'pretends', 'reply-lost']

const bmcFreezes: Draw = (chance, at, { server }) => ({
  at,
  kind: 'bmc-freezes',
  server: server.traits.name,
  forMs: chance.log(100, 15_000),
  keeps: chance.happens(0.6),
})

const bmcRestarts: Draw = (chance, at, { server }) => ({
  at,
  kind: 'bmc-restarts',
  server: server.traits.name,
  bootMs: chance.log(50, 5000),
  saysOffMs: chance.happens(0.5) ? chance.log(500, 20_000) : 0,
})

const bmcFate: Draw = (chance, at, { server }) => {
  const action = chance.pick(['nmi', 'reset', 'reset', 'off', 'on'] as const)
  const fate = chance.pick(action === 'reset' ? HONEST : ANY)
  return { at: at - BEFORE_MS, kind: 'bmc-fate', server: server.traits.name, action, fate }
}

const pduFault: Draw = (chance, at, target) => {
  const feed = target.server.traits.feeds[0]
  if (!feed) return bmcFreezes(chance, at, target)
  const { pdu, outlet } = chance.pick(target.server.traits.feeds)
  switch (chance.between(1, 3)) {
    case 1:
      return {
        at,
        kind: 'pdu-freezes',
        pdu,
        forMs: chance.log(100, 12_000),
        keeps: chance.happens(0.5),
      }
    case 2:
      return {
        at,
        kind: 'outlet-fate',
        pdu,
        outlet,
        to: chance.happens(0.6) ? 'off' : 'on',
        fate: chance.pick(ANY),
      }
    default:
      return { at, kind: 'relay-slow', pdu, takesMs: chance.log(200, 4000), forMs: 10_000 }
  }
}

function somePath(chance: Chance, { server }: Target): [string, string] {
  const { name, feeds } = server.traits
  const pdus = feeds.map(({ pdu }): [string, string] => [STATION, `pdu ${pdu}`])
  const bmc: [string, string] = [STATION, `bmc ${name}`]
  return chance.pick([bmc, bmc, [name, `notices ${STATION}`], ...pdus])
}

const pathCut: Draw = (chance, at, target) => ({
  at,
  kind: 'path-cut',
  path: somePath(chance, target),
  way: chance.pick(['there', 'back', 'both'] as const),
  forMs: chance.log(100, 12_000),
})

const pathBad: Draw = (chance, at, target) => ({
  at,
  kind: 'path-bad',
  path: somePath(chance, target),
  loss: chance.pick([0.1, 0.3, 0.7]),
  repeats: chance.pick([0, 0.3]),
  forMs: chance.log(500, 12_000),
})

const pathSlow: Draw = (chance, at, target) => ({
  at,
  kind: 'path-slow',
  path: somePath(chance, target),
  slowMs: chance.log(5, 900),
  jitterMs: chance.pick([0, 20, 140]),
  forMs: chance.log(500, 12_000),
})

const linkFault: Draw = (chance, at) => {
  const path: [string, string] = [STATION, 'hub']
  switch (chance.between(1, 3)) {
    case 1:
      return { at, kind: 'link-cut' }
    case 2:
      return {
        at,
        kind: 'path-cut',
        path,
        way: chance.pick(['there', 'back', 'both'] as const),
        forMs: chance.log(200, 30_000),
      }
    default:
      return { at, kind: 'path-slow', path, slowMs: chance.log(20, 1500), jitterMs: 0, forMs: 8000 }
  }
}

const crash: Draw = (chance, at) => {
  const power = chance.happens(0.4)
  return {
    at,
    kind: 'crash',
    point: chance.pick(['now', 'write', 'durable', 'sent'] as const),
    nth: chance.log(1, 8),
    power,
    reboots: power,
    downMs: chance.log(20, 8000),
  }
}

const pause: Draw = (chance, at) => ({
  at,
  kind: 'pause',
  forMs: chance.log(20, 9000),
  clockStands: chance.happens(0.3),
})

const stall: Draw = (chance, at) => ({ at, kind: 'stall', forMs: chance.log(50, 4000) })

const wallJump: Draw = (chance, at) => ({
  at,
  kind: 'wall-jump',
  byMs: chance.pick([-3_600_000, -5000, 700, 86_400_000, 40 * 86_400_000]),
})

const diskFault: Draw = (chance, at) =>
  chance.happens(0.85)
    ? { at, kind: 'disk-slow', slowMs: chance.log(5, 1500), forMs: chance.log(300, 9000) }
    : { at, kind: 'disk-full', forMs: chance.log(500, 8000) }

const hubCrash: Draw = (chance, at) => ({
  at,
  kind: 'hub-crash',
  downMs: chance.log(100, 6000),
  forgetsMs: chance.happens(0.5) ? chance.between(0, 1000) : 0,
})

const osFault: Draw = (chance, at, { server }) => {
  const { name } = server.traits
  switch (chance.between(1, 4)) {
    case 1:
      return { at, kind: 'pressed-off', server: name }
    case 2:
      return {
        at,
        kind: 'kdump-fails',
        server: name,
        how: chance.pick(['silent', 'survives'] as const),
        forMs: 12_000,
      }
    default:
      return { at, kind: 'panic', server: name }
  }
}

const replay: Draw = (chance, at) => ({ at, kind: 'replay', nth: chance.between(0, 1000) })

const DRAWS: readonly Draw[] = [
  bmcFreezes,
  bmcFreezes,
  bmcRestarts,
  bmcFate,
  bmcFate,
  pduFault,
  pduFault,
  pathCut,
  pathBad,
  pathSlow,
  linkFault,
  crash,
  pause,
  stall,
  wallJump,
  diskFault,
  hubCrash,
  osFault,
  replay,
]
