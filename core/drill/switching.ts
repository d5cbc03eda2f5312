// Switching feeds in a test: off, on again, and whatever ends it early. Nothing is left off if it can be helped.
import {
  BMC_BOOTS_WITHIN_MS,
  CUT_SILENCE_MS,
  type FeedState,
  OUTLETS_READ_WITHIN_MS,
} from '../ladder/ladder.ts'
import { switchAgain, switchFeed } from '../ladder/outlet-rung.ts'
import { feedName, findShot, lookAgainSoon, lookAtOutlets } from '../ladder/turn.ts'
import type { OperationEnding } from '../operation.ts'
import {
  type DrillTurn,
  isSerial,
  LOGGED_WITHIN_MS,
  type PduTest,
  type Phase,
  SUPPLY_GOOD_WITHIN_MS,
} from './pdu-test.ts'

type PhaseOf<N extends Phase['name']> = Extract<Phase, { name: N }>

/** All feeds together, or the next one alone. */
export function enterCut(turn: DrillTurn): void {
  const { ladder: test, at } = turn
  const [next] = test.queue
  const chosen = isSerial(test)
    ? test.feeds.filter(({ pdu, outlet }) => pdu === next?.pdu && outlet === next.outlet)
    : test.feeds
  test.phase = { name: 'cut', until: at.ms + OUTLETS_READ_WITHIN_MS }
  test.cutAt = Date.parse(at.wall)
  test.events = []
  test.othersRead = false
  test.disturbed = []
  for (const feed of chosen) {
    feed.attempts = 0
    switchFeed(turn, feed, 'off')
  }
  lookAtOutlets(turn)
}

export function cutLooked(turn: DrillTurn): void {
  const { ladder: test, at } = turn
  const cut = test.feeds.filter((feed) => feed.cut)
  if (otherFeedOff(turn)) return
  if (cut.every(({ value }) => value === 'off')) {
    test.phase = { name: 'off', onAt: at.ms + test.settings.offTimeMs, gone: false }
    test.lookAgainAt = at.ms + (isSerial(test) ? 0 : test.holdUpMs) + 1
    return
  }
  switchAgain(turn, 'off', cut)
  lookAgainSoon(turn)
}

/** Somebody or something else took another feed: the server may stand on the one that is off. */
export function otherFeedOff(turn: DrillTurn): boolean {
  const { ladder: test } = turn
  const lost = isSerial(test) && test.feeds.find(({ cut, value }) => !cut && value === 'off')
  if (!lost) return false
  endEarly(turn, failed('outlet-off', `${feedName(lost)} is off as well: ${lost.said}`))
  return true
}

export function cutDue(turn: DrillTurn): void {
  const stuck = turn.ladder.feeds.filter(({ cut, value }) => cut && value !== 'off')
  endEarly(turn, failed('outlet-not-off', `not read off: ${named(stuck)}`))
}

export function enterOn(turn: DrillTurn, gone: boolean): void {
  const { ladder: test, at } = turn
  delete test.lookAgainAt
  test.onAt = Date.parse(at.wall)
  test.phase = { name: 'on', until: at.ms + OUTLETS_READ_WITHIN_MS, gone }
  switchOn(turn)
}

/** One that was given already is looked at first, and given again only where it did not take. */
function switchOn(turn: DrillTurn): void {
  for (const feed of turn.ladder.feeds.filter(({ cut }) => cut)) {
    if (findShot(turn, feed.shot)?.action === 'on') continue
    feed.attempts = 0
    switchFeed(turn, feed, 'on')
  }
  lookAtOutlets(turn)
}

/** True when every feed that was off is read on; asks again where it is not. */
function allBack(turn: DrillTurn): boolean {
  const { ladder: test } = turn
  for (const feed of test.feeds) if (feed.value === 'on') feed.cut = false
  const off = test.feeds.filter(({ cut }) => cut)
  if (off.length === 0) return true
  switchAgain(turn, 'on', off)
  lookAgainSoon(turn)
  return false
}

export function onLooked(turn: DrillTurn, { gone }: PhaseOf<'on'>): void {
  const { ladder: test, at } = turn
  if (!allBack(turn)) return
  delete test.lookAgainAt
  if (isSerial(test)) {
    test.phase = {
      name: 'settle',
      loggedBy: at.ms + LOGGED_WITHIN_MS,
      until: at.ms + SUPPLY_GOOD_WITHIN_MS,
    }
    test.lookAgainAt = at.ms + 1
    return
  }
  test.phase = { name: 'back', until: at.ms + BMC_BOOTS_WITHIN_MS, gone }
  probe(turn)
}

export function probe(turn: DrillTurn): void {
  const { ladder: test } = turn
  if (test.probing) return
  test.probing = true
  turn.actions.push({ type: 'probe', timeoutMs: CUT_SILENCE_MS })
}

/** Puts back what is off, then ends. */
export function endEarly(turn: DrillTurn, ending: OperationEnding): void {
  const { ladder: test, at } = turn
  delete test.lookAgainAt
  if (!test.feeds.some(({ cut }) => cut)) return finish(turn, ending)
  test.phase = { name: 'restoring', until: at.ms + OUTLETS_READ_WITHIN_MS, ending }
  switchOn(turn)
}

export function restoringLooked(turn: DrillTurn, { ending }: PhaseOf<'restoring'>): void {
  if (allBack(turn)) finish(turn, ending)
}

export function notBackDue(turn: DrillTurn, ending: OperationEnding): void {
  const dead = turn.ladder.feeds.filter(({ cut }) => cut)
  const detail = `not read on again: ${named(dead)}`
  turn.actions.push({ type: 'alarm', code: 'power-not-restored', detail })
  const before = ending.detail === '' ? '' : `${ending.detail}; `
  finish(turn, { ...ending, code: ending.code ?? 'outlet-not-on', detail: before + detail })
}

export function finish(turn: DrillTurn, ending: OperationEnding): void {
  const { ladder: test, actions } = turn
  const feeds = isSerial(test) ? { feeds: test.findings } : {}
  test.phase = { name: 'ended' }
  delete test.lookAgainAt
  const detail = ending.detail + (afterwards(test) ?? '')
  actions.push({ type: 'finish', ending: { ...ending, detail, ...feeds } }, { type: 'end' })
}

/** What is left for a person to do once a management server was without power (spec domain.md §9). */
function afterwards(test: PduTest): string | undefined {
  if (test.class !== 'M' || isSerial(test) || test.shots.length === 0) return undefined
  return `; ${test.server} was switched off: power it on if it stays off, and see that its agent runs`
}

export function failed(code: string, detail: string): OperationEnding {
  return { status: 'failed', code, detail }
}

export function named(feeds: readonly FeedState[]): string {
  return feeds.map((feed) => `${feedName(feed)} ${feed.said}`).join('; ')
}
