// A healthy two-feed server and its plan; a test says only what differs.
import type { Circumstances } from '../../core/ladder/ladder.ts'
import type { Plan } from '../../core/plan.ts'
import { type Crash, LadderRun } from './ladder-world.ts'
import type { BmcSetup, OutletSetup, RoomSetup } from './machine-room.ts'

const SYSTEM = { cluster: 'db', number: 10001, address: '192.168.0.101', port: 6001 }

export const FOR_EVER = 86_400_000

export const PLAN: Plan = {
  server: 'PSERVER1',
  kind: 'P',
  system: SYSTEM,
  mode: 'ladder',
  softMethod: 'nmi',
  hardMethod: 'reset',
  hardResetAfterMs: 2500,
  hardResetTimeoutMs: 5000,
  feeds: [
    { pdu: 'a', pduAddress: '192.168.1.101', outlet: 3 },
    { pdu: 'b', pduAddress: '192.168.1.102', outlet: 3 },
  ],
  pduRecoveryWaitMs: 10_000,
  holdUpMs: 1000,
  requireGrade: 'acknowledged',
  bmc: { address: '192.168.1.51', port: 623 },
}

export const BMC: BmcSetup = {
  unreachable: false,
  latencyMs: 10,
  fates: {},
  frozen: [],
  restarts: [],
  offTakesMs: 100,
  bootMs: 60_000,
  sessionOpenedAt: -3_600_000,
  givesUpMs: undefined,
  repeatsAfterMs: undefined,
  opensInMs: 200,
  identity: 'proven',
}

export const OUTLET: OutletSetup = {
  pdu: 'a',
  outlet: 3,
  off: ['does'],
  on: ['does'],
  takesMs: 100,
  reads: 'truth',
  silentFrom: FOR_EVER,
}
/** A BMC that never says anything: its session is up, its answers do not come. */
export const SILENT: Partial<BmcSetup> = { frozen: [{ from: 0, until: FOR_EVER, keeps: false }] }
/** The session that a healthy server's power was last read on in, before the request. */
export const WATCHED_ON: Partial<Circumstances> = { onSession: 1 }

export interface Scene {
  plan?: Partial<Plan>
  bmc?: Partial<BmcSetup>
  outlets?: Partial<OutletSetup>[]
  room?: Partial<RoomSetup>
  circumstances?: Partial<Circumstances>
  crashes?: Crash[]
  writeMs?: number
  limitMs?: number
  freezes?: boolean
}

export function setUp(scene: Scene): LadderRun {
  const [a = {}, b = {}] = scene.outlets ?? []
  return new LadderRun({
    plan: { ...PLAN, ...scene.plan },
    circumstances: { ...WATCHED_ON, ...scene.circumstances },
    room: {
      outlets: [
        { ...OUTLET, ...a },
        { ...OUTLET, pdu: 'b', ...b },
      ],
      otherSupply: false,
      capacitorMs: 800,
      kdumpMs: undefined,
      dumpMs: 60_000,
      chassis: 'on',
      dumping: false,
      queued: [],
      ...scene.room,
      bmc: { ...BMC, ...scene.bmc },
    },
    writeMs: scene.writeMs ?? 0,
    crashes: scene.crashes ?? [],
    limitMs: scene.limitMs ?? FOR_EVER,
    freezes: scene.freezes ?? true,
  })
}

export function play(scene: Scene): LadderRun {
  return setUp(scene).run()
}
