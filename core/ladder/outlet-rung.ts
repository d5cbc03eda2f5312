// The rung that cuts every feed at its PDU and proves it: all read off, held up, all read off again, the BMC
// silent, and all read off still.
import { begin } from './bmc-rungs.ts'
import {
  type Bench,
  type FeedState,
  LOOK_AGAIN_MS,
  OUTLETS_READ_WITHIN_MS,
  type OutletLook,
  type Phase,
  SWITCH_AGAIN_AFTER_MS,
  SWITCH_ATTEMPTS_MAX,
  type Turn,
  type Verifying,
} from './ladder.ts'
import { enterOff } from './off-rung.ts'
import {
  bmcSource,
  conclude,
  fail,
  feedName,
  findShot,
  fire,
  lookAgainSoon,
  lookAtOutlets,
  note,
  probeAfterCut,
} from './turn.ts'

type PduPhase = Extract<Phase, { name: 'pdu' }>

/** Cuts all feeds together. A server without feeds is never "all off". */
export function enterPdu(turn: Turn): void {
  const { ladder, at } = turn
  if (ladder.feeds.length === 0) {
    return fail(turn, 'failed', 'PDU control is off for this server: there is no feed to cut')
  }
  ladder.phase = { name: 'pdu', until: at.ms + OUTLETS_READ_WITHIN_MS }
  for (const feed of ladder.feeds) switchFeed(turn, feed, 'off')
  lookAgainSoon(turn)
}

/** Once every PDU has answered, there is something to see; a silent one is looked at in its time. */
export function pduAnswered(turn: Turn, phase: PduPhase): void {
  if (phase.heldUntil !== undefined || phase.verifying) return
  if (turn.ladder.feeds.every((feed) => findShot(turn, feed.shot)?.answer !== undefined)) {
    lookAtOutlets(turn)
  }
}

export function switchFeed(turn: Bench, feed: FeedState, to: 'off' | 'on'): void {
  const device = { kind: 'outlet', pdu: feed.pdu, outlet: feed.outlet } as const
  feed.shot = fire(turn, to === 'off' ? 'pdu' : 'on', device, to)
  feed.attempts += 1
  feed.value = 'unknown'
  feed.said = 'not read since it was switched'
  if (to === 'off') feed.cut = true
}

/** Takes in what a PDU said of our outlets. A look that was asked before the last switch counts nothing. */
export function readFeeds(turn: Bench, look: OutletLook): void {
  for (const feed of turn.ladder.feeds) {
    if (feed.pdu !== look.pdu) continue
    const switchedAt = findShot(turn, feed.shot)?.intendedAt ?? Number.NEGATIVE_INFINITY
    if (look.askedAt <= switchedAt) continue
    const reading = look.outlets?.find(({ outlet }) => outlet === feed.outlet)
    feed.value = reading?.value ?? 'unknown'
    feed.said = reading ? `read ${reading.value} (${reading.raw})` : look.detail
    feed.askedAt = look.askedAt
    feed.readAt = look.readAt
  }
}

/** Gives a level command again where a later look shows that an unanswered one did not take. */
export function switchAgain(
  turn: Bench,
  to: 'off' | 'on',
  feeds: readonly FeedState[] = turn.ladder.feeds,
): void {
  for (const feed of feeds) {
    const shot = findShot(turn, feed.shot)
    const unanswered = shot?.answer !== 'accepted'
    const lookedLater =
      feed.askedAt !== undefined &&
      feed.askedAt >= (shot?.intendedAt ?? Number.NEGATIVE_INFINITY) + SWITCH_AGAIN_AFTER_MS
    const opposite = to === 'off' ? 'on' : 'off'
    if (!unanswered || !lookedLater || feed.value !== opposite) continue
    if ((to === 'on' && !feed.cut) || feed.attempts >= SWITCH_ATTEMPTS_MAX) continue
    switchFeed(turn, feed, to)
  }
}

export function pduLooked(turn: Turn, phase: PduPhase, look: OutletLook): void {
  const { ladder } = turn
  readFeeds(turn, look)
  if (ladder.lookingAtOutlets > 0) return
  const allOff = ladder.feeds.every(({ value }) => value === 'off')
  if (!allOff) {
    if (!cutByUs(turn)) return begin(turn)
    ladder.phase = { name: 'pdu', until: phase.until }
    switchAgain(turn, 'off')
    return lookAgainSoon(turn)
  }
  if (phase.verifying) return settle(turn, phase.verifying)
  if (phase.heldUntil === undefined) holdUp(turn, phase.until)
}

/** Every outlet was off before anything was sent. */
export function foundOff(turn: Turn): void {
  holdUp(turn, turn.at.ms + OUTLETS_READ_WITHIN_MS)
}

/**
 * Every outlet was read off: supplies may still run on from their capacitors, so it is looked at again.
 * `until` stays that of the cut, or an outlet that will not settle could keep the ladder open for ever.
 */
function holdUp(turn: Turn, until: number): void {
  const { ladder, at } = turn
  delete ladder.lookAgainAt
  ladder.phase = { name: 'pdu', until, heldUntil: at.ms + ladder.plan.holdUpMs }
}

/** False while nothing was sent yet: what was only found off may turn out not to be. */
function cutByUs({ ladder }: Turn): boolean {
  return ladder.feeds.some(({ cut }) => cut)
}

export function pduProbed(turn: Turn, phase: PduPhase, answered: boolean): void {
  const { ladder, at } = turn
  if (!phase.verifying) return
  if (!answered) {
    ladder.phase = { ...phase, verifying: { ...phase.verifying, silentAt: at.ms } }
    return lookAtOutlets(turn)
  }
  note(turn, bmcSource(turn), 'answers although every feed is read off: it has another supply')
  if (!cutByUs(turn)) return begin(turn)
  if (ladder.offTried) {
    return fail(turn, 'unknown', 'every feed is off but the BMC still answers: another supply')
  }
  enterOff(turn)
}

/** The silence takes its time, so what counts is a look that was asked after it. */
function settle(turn: Turn, { silentAt }: Verifying): void {
  const { ladder } = turn
  if (silentAt === undefined) return lookAgainSoon(turn)
  if (!ladder.feeds.every(({ askedAt = 0 }) => askedAt >= silentAt)) return lookAtOutlets(turn)
  noteFeeds(turn)
  note(turn, bmcSource(turn), 'silent after the cut')
  const { wiringProvenAt } = ladder
  const wiring = wiringProvenAt
    ? `was proven by a test at ${wiringProvenAt}`
    : 'has not been proven by a test'
  note(turn, `server:${ladder.plan.server}`, `the wiring of these feeds ${wiring}`)
  conclude(turn, { result: 'POFF', fenced: true, grade: 'confirmed' })
}

export function pduDue(turn: Turn, phase: PduPhase): void {
  const { ladder, at } = turn
  if (phase.verifying) {
    if (at.ms >= phase.verifying.until) return failCut(turn)
    return lookAtOutlets(turn)
  }
  if (phase.heldUntil !== undefined) {
    if (at.ms < phase.heldUntil) return
    // A probe of an earlier attempt that is still out must not speak for this one.
    if (ladder.probing || ladder.lookingAtOutlets > 0) {
      ladder.phase = { ...phase, heldUntil: at.ms + LOOK_AGAIN_MS }
      return
    }
    const until = at.ms + OUTLETS_READ_WITHIN_MS
    ladder.phase = { ...phase, verifying: { until } }
    lookAtOutlets(turn)
    return probeAfterCut(turn)
  }
  if (at.ms >= phase.until) return failCut(turn)
  lookAtOutlets(turn)
}

/** Names every outlet that is not proven off; those that are off stay off until a restore. */
function failCut(turn: Turn): void {
  const stuck = turn.ladder.feeds.filter(({ value }) => value !== 'off')
  noteFeeds(turn)
  const named = stuck.map((feed) => `${feedName(feed)} ${feed.said}`).join('; ')
  const grade = stuck.some(({ value }) => value === 'on') ? 'failed' : 'unknown'
  fail(turn, grade, `not every feed was read off: ${named}`)
}

function noteFeeds(turn: Turn): void {
  for (const feed of turn.ladder.feeds) {
    note(turn, `pdu:${feedName(feed)}`, feed.said, feed.readAt)
  }
}
