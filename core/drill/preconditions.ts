// What must hold before a test is accepted (spec domain.md §9), by what the agent last read. The test itself
// reads everything once more before it switches anything.
import type { Outlet, PduTestSettings } from '../operation.ts'
import type { Power } from '../outcome.ts'

export interface TestRefusal {
  code: string
  detail: string
}

export const OFF_TIME_S = { min: 5, max: 60, usual: 5 } as const
export const WAIT_TIME_S = { min: 5, max: 60, usual: 5 } as const
/** One server model may stay dead after a longer cut (spec domain.md §9). */
export const OFF_TIME_WARNED_S = 10

export function offTimeWarning(offTimeS: number): string | undefined {
  if (offTimeS <= OFF_TIME_WARNED_S) return undefined
  return (
    `off time ${offTimeS} s: one server model may stay dead after more than ${OFF_TIME_WARNED_S} s; ` +
    'the cure is a serial test of that PDU with the default times'
  )
}

export interface TestedServer {
  server: string
  bmcLink: 'up' | 'connecting' | 'down' | undefined
  power: Power
  /** Courses under way on this server, by kind. */
  underWay: readonly string[]
  /** A PDU test that is under way on another server: their supply events could not be told apart. */
  otherTest?: string | undefined
}

export interface TestedFeed extends Outlet {
  pduLink: 'up' | 'connecting' | 'down' | undefined
  value: Power
}

/** The settings alone; the control plane asks the same. */
export function judgePduSettings(
  server: string,
  feeds: readonly Outlet[],
  { mode, pdu }: Pick<PduTestSettings, 'mode' | 'pdu'>,
): TestRefusal | undefined {
  if (feeds.length === 0) return refuse('no-feeds', `${server} has no feeds to test`)
  if (mode === 'same') {
    if (pdu === undefined) return undefined
    return refuse('invalid-test', 'mode same cuts all feeds: one PDU alone goes with serial only')
  }
  if (feeds.length < 2) {
    return refuse('too-few-feeds', `${server} has a single feed: a serial test would stop it`)
  }
  if (pdu !== undefined && !feeds.some((feed) => feed.pdu === pdu)) {
    return refuse('unknown-pdu', `no feed of ${server} is on PDU "${pdu}"`)
  }
  return undefined
}

export function judgePduTest(
  tested: TestedServer,
  feeds: readonly TestedFeed[],
  settings: PduTestSettings,
  /** Numbers of the systems that are registered and not to be left up. */
  registered: readonly number[],
): TestRefusal | undefined {
  const { server, power, otherTest } = tested
  const refusal = judgePduSettings(server, feeds, settings) ?? judgeServer(tested)
  if (refusal) return refusal
  if (otherTest !== undefined) {
    return refuse('test-in-progress', `a PDU test of ${otherTest} is under way: one at a time`)
  }
  const dead = feeds.find(({ pduLink }) => pduLink !== 'up')
  if (dead)
    return refuse('link-down', `the link to PDU ${dead.pdu} is ${dead.pduLink ?? 'not set up'}`)
  const off = feeds.find(({ value }) => value !== 'on')
  if (off) {
    const said = off.value === 'off' ? 'Disable' : '--'
    return refuse('outlet-not-on', `outlet ${off.pdu}/${off.outlet} is ${said}, not Enable`)
  }
  if (settings.mode === 'serial') {
    if (power !== 'on') return refuse('server-off', `${server} is not read on`)
    return undefined
  }
  if (registered.length > 0 && !settings.leaveUp) {
    const numbers = registered.join(', ')
    return refuse(
      'systems-registered',
      `stop the HA software of ${numbers} first, or leave it up on purpose`,
    )
  }
  return undefined
}

export function judgeSoftResetTest(
  tested: TestedServer,
  known: { softMethod: 'nmi' | 'none'; loose: boolean; recentNotice: boolean },
): TestRefusal | undefined {
  const { server, power } = tested
  if (known.softMethod === 'none') return refuse('no-soft-method', `${server} has softMethod none`)
  const refusal = judgeServer(tested)
  if (refusal) return refusal
  if (power !== 'on') return refuse('server-off', `${server} is not read on`)
  if (known.loose) {
    return refuse('effect-loose', `an earlier effect on ${server} is still without an answer`)
  }
  if (known.recentNotice) {
    return refuse(
      'dump-in-progress',
      `a stop notice of ${server} was just heard: it may be dumping`,
    )
  }
  return undefined
}

function judgeServer({ server, bmcLink, underWay }: TestedServer): TestRefusal | undefined {
  const [first] = underWay
  if (first === 'reset') return refuse('reset-in-progress', `a reset of ${server} is in progress`)
  if (first !== undefined) {
    return refuse('operation-in-progress', `a ${first} of ${server} is in progress`)
  }
  if (bmcLink === 'up') return undefined
  return refuse('link-down', `the link to the BMC of ${server} is ${bmcLink ?? 'not set up'}`)
}

export function refuse(code: string, detail: string): TestRefusal {
  return { code, detail }
}
