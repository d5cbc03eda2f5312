// What the cuts of a serial test prove of the wiring (spec domain.md §9, "wiring check").
import { feedName } from '../ladder/turn.ts'
import type { FeedFinding } from '../operation.ts'
import { findLoss, type LogLook, suppliesIn, type TimedEvent, timedEvents } from '../supply-log.ts'
import { type DrillTurn, type PduTest, type Phase, WATCH_EVERY_MS } from './pdu-test.ts'
import { endEarly, failed, finish } from './switching.ts'

type Settle = Extract<Phase, { name: 'settle' }>

/** Takes in what was logged since the last look. */
export function takeLogs(test: PduTest, looks: readonly LogLook[]): TimedEvent[] {
  const fresh = looks.flatMap(timedEvents)
  const ends = looks.flatMap(({ server, read }) => (read ? [[server, read.end] as const] : []))
  test.logEnds = { ...test.logEnds, ...Object.fromEntries(ends) }
  const own = fresh.filter(({ server }) => server === test.server)
  test.supplies = [...new Set([...test.supplies, ...suppliesIn(own)])]
  return fresh
}

/** Goes on once the supply behind the feed is good again; else stops at this feed. */
export function judgeSettled(turn: DrillTurn, phase: Settle): void {
  const { ladder: test, at } = turn
  const found = finding(
    test,
    { logged: at.ms >= phase.loggedBy, over: at.ms >= phase.until },
    at.wall,
  )
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

function finding(
  test: PduTest,
  time: { logged: boolean; over: boolean },
  wall: string,
): FeedFinding | undefined {
  const [outlet] = test.queue
  if (!outlet) return undefined
  const cut = { fromMs: test.cutAt, untilMs: Date.parse(wall) }
  const own = test.events.filter(({ server }) => server === test.server)
  const others = test.events.filter(({ server }) => server !== test.server)
  const loss = findLoss(own, cut) ?? (time.logged ? findLoss(others, cut) : undefined)
  if (!loss) return time.logged ? { ...outlet, verdict: 'not-logged' } : undefined
  const { good, ...told } = loss
  if (!good) return time.over ? { ...outlet, verdict: 'not-back', loss: told } : undefined
  const verdict = told.server === test.server ? 'right' : 'mis-cabled'
  return { ...outlet, verdict, loss: told }
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
