// After the conclusion: hold off, wait, bring back what this ladder cut. A failed "on" is its own visible
// outcome and un-fences nothing (spec rules.md R6).
import {
  type Action,
  type Ladder,
  type Moment,
  OUTLETS_READ_WITHIN_MS,
  type OutletLook,
  type Phase,
  POWER_ON_ATTEMPTS_MAX,
  POWER_ON_RETRY_MS,
  type PowerLook,
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
} from './turn.ts'

type OnPhase = Extract<Phase, { name: 'on' }>

/** The conclusion is durable: from here on it may be announced, and power may come back. */
export function recorded(turn: Turn): void {
  const { ladder, at } = turn
  if (ladder.conclusion === undefined) return
  const cut = ladder.feeds.filter((feed) => feed.cut)
  if (ladder.conclusion.result !== 'POFF') {
    if (cut.length > 0) {
      recover(turn, 'held', `switched off and held: ${cut.map(feedName).join(', ')}`)
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

function poweredOffByBmc({ ladder }: Turn): boolean {
  return ladder.shots.some(({ rung, answer }) => rung === 'off' && answer !== 'unreachable')
}

/** All feeds together, and the BMC's own switch where it was used. */
export function enterOn(turn: Turn): void {
  const { ladder, at } = turn
  const byBmc = poweredOffByBmc(turn)
  const bmcTimeMs = byBmc ? POWER_ON_RETRY_MS * POWER_ON_ATTEMPTS_MAX : 0
  ladder.phase = {
    name: 'on',
    until: at.ms + Math.max(OUTLETS_READ_WITHIN_MS, bmcTimeMs),
    bmcAttempts: 0,
  }
  for (const feed of ladder.feeds.filter(({ cut }) => cut)) {
    feed.attempts = 0
    switchFeed(turn, feed, 'on')
  }
  if (ladder.feeds.some(({ cut }) => cut)) lookAtOutlets(turn)
  if (byBmc) powerOn(turn)
}

function powerOn(turn: Turn): void {
  const { phase } = turn.ladder
  if (phase.name !== 'on') return
  const attempts = phase.bmcAttempts + 1
  turn.ladder.phase = {
    name: 'on',
    until: phase.until,
    bmcAttempts: attempts,
    ...(attempts < POWER_ON_ATTEMPTS_MAX ? { bmcRetryAt: turn.at.ms + POWER_ON_RETRY_MS } : {}),
  }
  fire(turn, 'on', BMC, 'on')
  lookAgainSoon(turn)
}

export function onLookedAtOutlets(turn: Turn, look: OutletLook): void {
  readFeeds(turn, look)
  if (turn.ladder.lookingAtOutlets > 0) return
  switchAgain(turn, 'on')
  finishWhenOn(turn)
}

export function onLookedAtPower(turn: Turn, look: PowerLook): void {
  if (look.value === 'on' && look.askedAt > lastIntentAt(turn, BMC)) {
    turn.ladder.onSession = look.session
    const shot = turn.ladder.shots.findLast(({ device }) => device.kind === 'bmc')
    if (shot && shot.action === 'on') shot.detail = 'power read on'
  }
  finishWhenOn(turn)
}

function bmcIsOn({ ladder }: Turn): boolean {
  const shot = ladder.shots.findLast(({ device }) => device.kind === 'bmc')
  return shot?.action === 'on' && shot.detail === 'power read on'
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
  if (phase.bmcRetryAt !== undefined && at.ms >= phase.bmcRetryAt) {
    if (poweredOffByBmc(turn) && !bmcIsOn(turn)) powerOn(turn)
    else ladder.phase = { name: 'on', until: phase.until, bmcAttempts: phase.bmcAttempts }
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
  const turn: Turn = {
    ladder: { ...ladder, feeds: ladder.feeds.map((feed) => ({ ...feed, cut: true })) },
    at,
    actions: [],
  }
  enterOn(turn)
  return [turn.ladder, turn.actions]
}
