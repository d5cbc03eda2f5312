// After the conclusion: hold off, wait, bring back what this ladder cut. A failed "on" is its own visible
// outcome and un-fences nothing (spec rules.md R6).
import { isLoose } from '../shot.ts'
import {
  type Action,
  BMC_BOOTS_WITHIN_MS,
  type Ladder,
  LOOK_AFTER_MS,
  type Moment,
  OUTLETS_READ_WITHIN_MS,
  type OutletLook,
  type Phase,
  POWER_ON_ATTEMPTS_MAX,
  POWER_ON_RETRY_MS,
  type PowerLook,
  SWITCH_AGAIN_AFTER_MS,
  type Turn,
} from './ladder.ts'
import { readFeeds, switchAgain, switchFeed } from './outlet-rung.ts'
import {
  BMC,
  end,
  feedName,
  fire,
  lastIntentAt,
  lookAgainSoon,
  lookAtOutlets,
  lookAtPower,
  recover,
  turnOf,
} from './turn.ts'

type OnPhase = Extract<Phase, { name: 'on' }>

/** The conclusion is durable: from here on it may be announced, and power may come back. */
export function recorded(turn: Turn): void {
  const { ladder, at } = turn
  const { conclusion } = ladder
  if (conclusion === undefined) return
  const leftOnly = !ladder.feeds.some((feed) => feed.cut) && takeOver(turn)
  if (leftOnly && (conclusion.result !== 'POFF' || poweredOffByBmc(turn))) {
    recover(turn, 'waiting', 'feeds that a test had switched off come back')
    return enterOn(turn)
  }
  const cut = ladder.feeds.filter((feed) => feed.cut)
  if (conclusion.result !== 'POFF') {
    const held = ladder.feeds.filter((feed) => (feed.cut || feed.leftOff) && feed.value !== 'on')
    if (held.length > 0) {
      recover(turn, 'held', `switched off and held: ${held.map(feedName).join(', ')}`)
    }
    return end(turn)
  }
  if (cut.length > 0) {
    if (ladder.plan.pduRecoveryWaitMs === 0) {
      recover(turn, 'held', 'the feeds stay off until they are restored by hand')
      return end(turn)
    }
    recover(turn, 'waiting', `power comes back in ${ladder.plan.pduRecoveryWaitMs} ms`)
    ladder.phase = { name: 'waiting', onAt: at.ms + ladder.plan.pduRecoveryWaitMs }
    return
  }
  if (poweredOffByBmc(turn)) return enterOn(turn)
  end(turn)
}

/**
 * After a completion, what an ended test had switched off is this ladder's own to bring back. False when
 * there is nothing of it; after a FAIL it stays off and is shown.
 */
export function takeOver({ ladder }: Turn): boolean {
  if (!ladder.conclusion?.fenced) return false
  for (const feed of ladder.feeds) if (feed.leftOff) feed.cut = true
  return ladder.feeds.some(({ leftOff }) => leftOff)
}

/** The BMC switched off, or may have: what it refused or never got is not ours to bring back. */
function poweredOffByBmc({ ladder }: Turn): boolean {
  return ladder.shots.some(
    (shot) => shot.rung === 'off' && (shot.answer === 'accepted' || isLoose(shot)),
  )
}

/**
 * All feeds together, and the BMC's own switch where it was used. A BMC that lost its feeds has to boot
 * first: it is read, and switches on only what did not come back by itself (spec rules.md R11).
 */
export function enterOn(turn: Turn): void {
  const { ladder, at } = turn
  const cut = ladder.feeds.filter((feed) => feed.cut)
  ladder.phase = {
    name: 'on',
    until: at.ms + timeToComeBackMs(turn),
    bmcRetryAt: at.ms + (cut.length > 0 ? LOOK_AFTER_MS : POWER_ON_RETRY_MS),
  }
  for (const feed of cut) {
    feed.attempts = 0
    switchFeed(turn, feed, 'on')
  }
  if (cut.length > 0) return lookAtOutlets(turn)
  if (poweredOffByBmc(turn)) fire(turn, 'on', BMC, 'on')
  lookAgainSoon(turn)
}

/** Power on is settled by looking too; an outlet that never got its command gets it now. */
export function resumeOn(turn: Turn): void {
  const { ladder, at } = turn
  const given = ladder.shots.filter(({ rung }) => rung === 'on')
  ladder.phase = {
    name: 'on',
    until: at.ms + timeToComeBackMs(turn),
    bmcRetryAt: at.ms + LOOK_AFTER_MS,
  }
  for (const feed of ladder.feeds) {
    if (feed.cut && !given.some(({ id }) => id === feed.shot)) switchFeed(turn, feed, 'on')
  }
  if (ladder.feeds.some(({ cut }) => cut)) lookAtOutlets(turn)
  else lookAtPower(turn)
}

function timeToComeBackMs(turn: Turn): number {
  if (!poweredOffByBmc(turn)) return OUTLETS_READ_WITHIN_MS
  if (turn.ladder.feeds.some(({ cut }) => cut)) return BMC_BOOTS_WITHIN_MS
  return POWER_ON_RETRY_MS * POWER_ON_ATTEMPTS_MAX
}

export function onLookedAtOutlets(turn: Turn, look: OutletLook): void {
  readFeeds(turn, look)
  if (turn.ladder.lookingAtOutlets > 0) return
  switchAgain(turn, 'on')
  finishWhenOn(turn)
}

export function onLookedAtPower(turn: Turn, phase: OnPhase, look: PowerLook): void {
  const sinceMs = look.askedAt - lastIntentAt(turn, BMC)
  const trusted = look.identity !== 'mismatch' && sinceMs > 0
  if (trusted && look.value === 'on') turn.ladder.phase = { ...phase, bmcSaid: 'on' }
  if (trusted && look.value === 'off' && sinceMs >= SWITCH_AGAIN_AFTER_MS) {
    turn.ladder.phase = { ...phase, bmcSaid: 'off' }
  }
  finishWhenOn(turn)
}

function bmcIsOn({ ladder }: Turn): boolean {
  return ladder.phase.name === 'on' && ladder.phase.bmcSaid === 'on'
}

/**
 * `on` is given again only where the last one is known not to have taken: the BMC refused it, never got it,
 * or was read off well after it. Silence is no reason to send an effect twice.
 */
function mayPowerOn({ ladder }: Turn, { bmcSaid }: OnPhase): boolean {
  const given = ladder.shots.filter(({ rung, device }) => rung === 'on' && device.kind === 'bmc')
  const last = given.at(-1)?.answer
  const wanted = last === 'refused' || last === 'unreachable' || bmcSaid === 'off'
  return wanted && given.length < POWER_ON_ATTEMPTS_MAX
}

function finishWhenOn(turn: Turn): void {
  const { ladder } = turn
  const cut = ladder.feeds.filter((feed) => feed.cut)
  const feedsOn = cut.every(({ value }) => value === 'on')
  if (feedsOn && (!poweredOffByBmc(turn) || bmcIsOn(turn))) {
    recover(turn, 'restored', 'power was read on again')
    return end(turn)
  }
  lookAgainSoon(turn)
}

export function onDue(turn: Turn, phase: OnPhase): void {
  const { ladder, at } = turn
  if (at.ms >= phase.until) return giveUp(turn)
  if (at.ms >= phase.bmcRetryAt) {
    const { bmcSaid: _, ...next } = phase
    const again = phase.bmcSaid !== 'on' && mayPowerOn(turn, phase)
    ladder.phase = { ...(again ? next : phase), bmcRetryAt: at.ms + POWER_ON_RETRY_MS }
    if (again) fire(turn, 'on', BMC, 'on')
  }
  if (ladder.feeds.some(({ cut }) => cut)) lookAtOutlets(turn)
  if (poweredOffByBmc(turn) && !bmcIsOn(turn)) lookAtPower(turn)
}

function giveUp(turn: Turn): void {
  const cut = turn.ladder.feeds.filter((feed) => feed.cut)
  const dead = cut.filter(({ value }) => value !== 'on')
  const named = dead.map((feed) => `${feedName(feed)} ${feed.said}`)
  if (poweredOffByBmc(turn) && !bmcIsOn(turn)) named.push('the BMC did not bring power back')
  const detail = `power did not come back everywhere: ${named.join('; ')}`
  const partial = cut.length > 0 && dead.length < cut.length
  recover(turn, partial ? 'partial' : 'failed', detail)
  turn.actions.push({ type: 'alarm', code: 'power-not-restored', detail })
  end(turn)
}

/** A restore by hand is the last part of a ladder alone: every feed on, each read on. */
export function openRestore(ladder: Ladder, at: Moment): [Ladder, Action[]] {
  const turn = turnOf(ladder, at)
  for (const feed of turn.ladder.feeds) feed.cut = true
  enterOn(turn)
  return [turn.ladder, turn.actions]
}
