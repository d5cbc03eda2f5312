// The third voter as it runs: two hub processes that judge with core/votes and store by a conditional update of
// one row. Who loses the race reads again; who was replaced fails and does not answer.
import { blankRow, judgeIntent, type VoteRow } from '../../../core/votes/control-plane.ts'
import type { ControlPlaneAnswer, ToControlPlane } from '../../../core/votes/messages.ts'
import type { ByAgent } from '../../../core/votes/terms.ts'
import type { Voters } from '../../../core/votes/voters.ts'
import type { Chance } from './chance.ts'
import type { Rules } from './rules.ts'
import type { Schedule } from './schedule.ts'

interface Stored {
  version: number
  row: VoteRow
}

export interface IntentAtHub {
  agent: string
  start: number
  epoch: number
  seq: number
}

export class ControlPlane {
  /** Of the wall clock, ms. */
  wallStepMs = 0
  /** Its database answers late at times. */
  slow = false
  /** The records that it stores, whoever's vote it is. */
  stored: ByAgent = {}
  readonly #rows: [Stored, Stored]
  readonly #schedule: Schedule
  readonly #chance: Chance
  readonly #rules: Rules

  constructor(voters: Voters, schedule: Schedule, chance: Chance, rules: Rules) {
    const one = { version: 1, row: blankRow(voters) }
    this.#rows = [one, rules.oneRow ? one : { ...one }]
    this.#schedule = schedule
    this.#chance = chance
    this.#rules = rules
  }

  get row(): VoteRow {
    return this.#rows[0].row
  }

  /** One message at one hub process; the answer leaves after the row is stored. */
  hear(hub: 0 | 1, message: ToControlPlane, answer: (answer: ControlPlaneAnswer) => void): void {
    const { version, row } = this.#rows[hub]
    const wallMs = this.#schedule.now + this.wallStepMs
    const judged = this.#rules.judgeVote(row, message, this.stored, wallMs)
    if (judged.row === row) return answer(judged.answer)
    this.#update(hub, version, judged.row, (won) => {
      if (won) answer(judged.answer)
      else this.hear(hub, message, answer)
    })
  }

  hearIntent(hub: 0 | 1, intent: IntentAtHub, acknowledge: () => void): void {
    const { version, row } = this.#rows[hub]
    const next = judgeIntent(row, intent)
    if (next === undefined) return
    this.#update(hub, version, next, (won) => {
      if (!won) return this.hearIntent(hub, intent, acknowledge)
      this.report(intent.agent, intent.seq)
      acknowledge()
    })
  }

  report(agent: string, seq: number): void {
    if ((this.stored[agent] ?? 0) < seq) this.stored = { ...this.stored, [agent]: seq }
  }

  #update(hub: 0 | 1, version: number, row: VoteRow, done: (won: boolean) => void): void {
    const delayMs =
      this.slow && this.#chance.happens(0.05)
        ? this.#chance.between(50, 800)
        : this.#chance.between(1, 8)
    this.#schedule.after(delayMs, () => {
      const stored = this.#rows[hub]
      const won = stored.version === version
      if (won) {
        stored.version += 1
        stored.row = row
      }
      done(won)
    })
  }
}
