// What happens in one world, all of it drawn from its seed beforehand, so that any part can be left out when a
// failure is to be made small.
import type { ResetMode } from '../../core/plan.ts'
import { Chance } from './chance.ts'
import { drawFaults, type Target } from './draw-faults.ts'
import type { Fault } from './faults.ts'
import type { Question } from './hub.ts'
import type { MachineTraits } from './machine.ts'

export interface Ask {
  at: number
  key: string
  question: Question
  /** How long the order is good. */
  lifeMs: number
}

export interface Cluster {
  name: string
  requireGrade: 'acknowledged' | 'confirmed'
  members: ServerPlan[]
}

/** A server as the site's document has it. */
export interface ServerPlan {
  traits: MachineTraits
  number: number
  softMethod: 'nmi' | 'none'
  hardMethod: 'reset' | 'off-on'
  hardResetAfterMs: number
  pairGuard: boolean
  pduControl: boolean
  hardResetTimeoutS: number
  pduRecoveryWaitS: number
  holdUpMs: number
}

export interface Scenario {
  seed: number
  clusters: Cluster[]
  asks: Ask[]
  faults: Fault[]
  /** When somebody looks after machines that were left off. */
  rounds: number[]
  endsAt: number
}

/** A notice counts for 30 s of an agent whose clock may have stood still; no machine of these worlds runs again so soon. */
const NOTICE_FRESH_MS = 50_000
const LADDERS = { min: 60, max: 100 }
const SETTLED_MS = 34_000
/** Most ladders have ended by then, and their pairs are open again after this. */
const LADDER_MS = 15_000
const CLOSED_MS = 50_000

export function drawScenario(seed: number): Scenario {
  const chance = new Chance(seed, 'scenario')
  const clusters = drawClusters(chance)
  const servers = clusters.flatMap(({ members }) => members)
  const startAt = chance.happens(0.7) ? SETTLED_MS : 3000
  const asks: Ask[] = []
  const faults: Fault[] = []
  const count = chance.between(LADDERS.min, LADDERS.max)
  const lastAt = new Map<string, number>()
  let at = startAt
  for (let nth = 1; nth <= count; nth += 1) {
    at += chance.log(60, 2500)
    const rested = () => servers.filter((server) => isRested(clusters, server, at, lastAt))
    // Now and then one asks who will be refused.
    while (rested().length === 0 && !chance.happens(0.05)) at += 500
    const server = chance.pick(rested().length > 0 ? rested() : servers)
    lastAt.set(server.traits.name, at)
    const partner = partnerOf(clusters, server)
    asks.push(drawAsk(chance, { at, nth, server, partner: freeToAsk(partner, at, lastAt) }))
    // Both of a pair find the other silent at once.
    if (partner && chance.happens(0.12)) {
      const crossAt = at + chance.log(1, 400)
      lastAt.set(partner.traits.name, crossAt)
      asks.push(drawAsk(chance, { at: crossAt, nth: nth + 1000, server: partner, partner: server }))
    }
    if (chance.happens(0.1)) asks.push(drawOperation(chance, chance.pick(servers), at + 3000, nth))
    const target: Target = { at, server, servers }
    faults.push(...drawFaults(chance, target))
  }
  const endsAt = at + 25_000
  const rounds = Array.from({ length: Math.ceil(endsAt / 15_000) }, (_, index) => index * 15_000)
  return { seed, clusters, asks, faults, rounds, endsAt }
}

function drawAsk(
  chance: Chance,
  {
    at,
    nth,
    server,
    partner,
  }: { at: number; nth: number; server: ServerPlan; partner: ServerPlan | undefined },
): Ask {
  const modes: ResetMode[] = [
    'ladder',
    'ladder',
    'ladder',
    'ladder',
    'ladder',
    'hard',
    'pdu',
    'soft',
  ]
  const mode = chance.pick(modes)
  const asks = partner !== undefined && chance.happens(0.5)
  return {
    at,
    key: `reset-${nth}`,
    lifeMs: chance.happens(0.15) ? chance.between(1500, 5000) : 60_000,
    question: {
      kind: 'reset',
      server: server.traits.name,
      mode: mode === 'pdu' && !server.pduControl ? 'ladder' : mode,
      ...(asks ? { requester: partner.number } : {}),
    },
  }
}

function drawOperation(chance: Chance, server: ServerPlan, at: number, nth: number): Ask {
  const kinds = ['restore', 'soft-reset-test', 'same', 'serial'] as const
  const kind = server.pduControl ? chance.pick(kinds) : 'soft-reset-test'
  return {
    at,
    key: `operation-${nth}`,
    lifeMs: 30_000,
    question: { kind, server: server.traits.name },
  }
}

/** Neither it nor, of a guarded pair, the other was asked for so shortly before that it would be refused. */
function isRested(
  clusters: readonly Cluster[],
  server: ServerPlan,
  at: number,
  lastAt: ReadonlyMap<string, number>,
): boolean {
  const since = ({ traits }: ServerPlan) => at - (lastAt.get(traits.name) ?? -1e9)
  if (since(server) < LADDER_MS) return false
  const partner = server.pairGuard ? partnerOf(clusters, server) : undefined
  return partner === undefined || since(partner) > LADDER_MS + CLOSED_MS
}

/** Who was just reset itself may not ask. */
function freeToAsk(
  partner: ServerPlan | undefined,
  at: number,
  lastAt: ReadonlyMap<string, number>,
): ServerPlan | undefined {
  if (!partner) return undefined
  const since = at - (lastAt.get(partner.traits.name) ?? -1e9)
  return since > LADDER_MS + CLOSED_MS ? partner : undefined
}

function partnerOf(clusters: readonly Cluster[], server: ServerPlan): ServerPlan | undefined {
  return clusters
    .find(({ members }) => members.includes(server))
    ?.members.find((member) => member !== server)
}

function drawClusters(chance: Chance): Cluster[] {
  const pdus = chance.between(2, 3)
  let number = 0
  return Array.from({ length: chance.between(4, 6) }, (_, index) => {
    const pairGuard = chance.happens(0.35)
    const members = [0, 1].map(() => {
      number += 1
      return drawServer(chance, number, { pdus, pairGuard })
    })
    return {
      name: `c${index + 1}`,
      requireGrade: chance.happens(0.25) ? 'confirmed' : 'acknowledged',
      members,
    }
  })
}

function drawServer(
  chance: Chance,
  number: number,
  { pdus, pairGuard }: { pdus: number; pairGuard: boolean },
): ServerPlan {
  const feeds = chance.pick([0, 1, 2, 2])
  const first = chance.between(0, pdus - 1)
  const holdUpMs = chance.pick([300, 500, 1000])
  const kdumpMs = chance.happens(0.65) ? chance.log(100, 5000) : undefined
  const dumpMs = chance.log(500, 15_000)
  return {
    traits: {
      name: `S${number}`,
      address: `192.0.2.${number}`,
      feeds: Array.from({ length: feeds }, (_, index) => ({
        pdu: `pdu-${((first + index) % pdus) + 1}`,
        outlet: number,
      })),
      capacitorMs: Math.floor(holdUpMs * chance.fraction() * 0.95),
      bmcBootMs: chance.log(800, 25_000),
      bmcLatencyMs: chance.log(1, 60),
      offTakesMs: chance.between(0, 1200),
      restore: chance.happens(0.7) ? 'on' : 'off',
      kdumpMs,
      dumpMs,
      noticeEveryMs: chance.pick([1000, 2000, 10_000]),
      bootMs: kdumpMs === undefined ? chance.between(4000, 20_000) : NOTICE_FRESH_MS,
    },
    number: 100 + number,
    softMethod: chance.happens(0.85) ? 'nmi' : 'none',
    hardMethod: chance.happens(0.75) ? 'reset' : 'off-on',
    hardResetAfterMs: chance.between(10, 40) * 100,
    pairGuard,
    pduControl: feeds > 0,
    hardResetTimeoutS: chance.between(5, 8),
    pduRecoveryWaitS: chance.pick([0, 5, 5, 7]),
    holdUpMs,
  }
}
