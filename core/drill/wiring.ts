// What the cuts of a serial test prove of the wiring (spec domain.md §9, "wiring check").
import { feedName } from '../ladder/turn.ts'
import type { FeedFinding } from '../operation.ts'
import {
  findLoss,
  type LogLook,
  suppliesIn,
  type TimedEvent,
  timedEvents,
  troubledSupplies,
} from '../supply-log.ts'
import {
  type DrillTurn,
  LOGGED_WITHIN_MS,
  type PduTest,
  type Phase,
  WATCH_EVERY_MS,
} from './pdu-test.ts'
import { endEarly, failed, finish } from './switching.ts'

type Settle = Extract<Phase, { name: 'settle' }>

/** Takes in what was logged since the last look. */
export function takeLogs(test: PduTest, looks: readonly LogLook[]): TimedEvent[] {
  const fresh = looks.flatMap(timedEvents)
  const ends = looks.flatMap(({ server, read }) => (read ? [[server, read.end] as const] : []))
  test.logEnds = { ...test.logEnds, ...Object.fromEntries(ends) }
  const own = fresh.filter(({ server }) => server === test.server)
  test.supplies = [...new Set([...test.supplies, ...suppliesIn(own)])]
  test.troubles = troubledSupplies(own, test.troubles)
  const disturbed = looks.filter(({ cutAtMs = 0 }) => cutAtMs >= test.cutAt - LOGGED_WITHIN_MS)
  test.disturbed = [...new Set([...test.disturbed, ...disturbed.map(({ server }) => server)])]
  return fresh
}

/** Goes on once the supply behind the feed is good again; else stops at this feed. */
export function judgeSettled(turn: DrillTurn, phase: Settle): void {
  const { ladder: test, at } = turn
  const found = finding(test, { logged: at.ms >= phase.loggedBy, over: at.ms >= phase.until })
  if (!found) {
    test.lookAgainAt = at.ms + WATCH_EVERY_MS
    return
  }
  test.findings.push(found)
  test.queue.shift()
  delete test.lookAgainAt
  if (found.verdict === 'not-logged' || found.verdict === 'not-back') {
    if (found.verdict === 'not-back') {
      turn.actions.push({ type: 'alarm', code: 'supply-not-back', detail: sayFinding(found) })
    }
    return endEarly(turn, { ...failed(found.verdict, sayFinding(found)), wiringProven: false })
  }
  if (test.queue.length === 0) return conclude(turn)
  test.phase = { name: 'wait', nextAt: at.ms + test.settings.waitTimeMs }
}

function losses(test: PduTest) {
  const cut = { fromMs: test.cutAt, onMs: test.onAt }
  return {
    own: findLoss(
      test.events.filter(({ server }) => server === test.server),
      cut,
    ),
    other: findLoss(
      test.events.filter(
        ({ server }) => server !== test.server && !test.disturbed.includes(server),
      ),
      cut,
    ),
  }
}

/** The others are asked once in any case, and on while it is not clear whose supply it is. */
export function needsOthers(test: PduTest): boolean {
  const { own, other } = losses(test)
  return !test.othersRead || !own || other !== undefined
}

/** Where two servers logged a loss nobody can tell which is this feed's: then it proves nothing. */
function finding(test: PduTest, time: { logged: boolean; over: boolean }): FeedFinding | undefined {
  const [outlet] = test.queue
  if (!outlet) return undefined
  if (!test.othersRead && test.others.length > 0) {
    return time.over ? { ...outlet, verdict: 'not-logged' } : undefined
  }
  const { own, other } = losses(test)
  const found = other ?? own
  if (!found) return time.logged ? { ...outlet, verdict: 'not-logged' } : undefined
  const { good, ...loss } = own && !own.good ? own : found
  if (!good) return time.over ? { ...outlet, verdict: 'not-back', loss } : undefined
  return { ...outlet, verdict: other ? 'mis-cabled' : 'right', loss }
}

function conclude(turn: DrillTurn): void {
  const { ladder: test } = turn
  const wrong = test.findings.filter(({ verdict }) => verdict !== 'right')
  if (wrong.length > 0) {
    const detail = wrong.map(sayFinding).join('; ')
    return finish(turn, { ...failed('mis-cabled', detail), wiringProven: false })
  }
  const seen = test.findings.map(({ loss }) => loss?.sensor)
  if (new Set(seen).size < seen.length) {
    const detail = `several feeds lead to one supply: ${test.findings.map(sayFinding).join('; ')}`
    return finish(turn, { ...failed('mis-cabled', detail), wiringProven: false })
  }
  const trouble = sayTroubles(test)
  if (trouble !== undefined) return finish(turn, failed('supply-fault', trouble))
  const right = `each of ${seen.length} feeds was lost and came back at a supply of ${test.server}`
  if (test.findings.length < test.feeds.length)
    return finish(turn, { status: 'done', detail: right })
  const unseen = test.supplies.filter((sensor) => !seen.includes(sensor))
  if (unseen.length > 0) {
    const detail = `${right}, but its log knows a supply that no cut reached: ${unseen.map(sensorText).join(', ')}`
    return finish(turn, { ...failed('supply-not-reached', detail), wiringProven: false })
  }
  finish(turn, { status: 'done', detail: right, wiringProven: true })
}

/** Undefined while all supplies of the server are good. */
export function sayTroubles({ troubles, server }: PduTest): string | undefined {
  if (troubles.length === 0) return undefined
  const named = troubles.map(({ sensor, what }) => `supply ${sensorText(sensor)} ${what}`)
  return `${server} is in trouble: ${named.join(', ')}`
}

export function sayFinding(found: FeedFinding): string {
  const { verdict, loss } = found
  const feed = feedName(found)
  const supply = loss && `supply ${sensorText(loss.sensor)} of ${loss.server}`
  switch (verdict) {
    case 'right':
      return `${feed} feeds ${supply}`
    case 'mis-cabled':
      return `${feed} is mis-cabled: it feeds ${supply}`
    case 'not-logged':
      return `nobody logged the loss of ${feed}: where it leads is not known`
    case 'not-back':
      return `${supply} did not come back after ${feed} was switched on again`
  }
}

export function sensorText(sensor: number): string {
  return `${sensor.toString(16).toUpperCase().padStart(2, '0')}h`
}
