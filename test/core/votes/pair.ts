// Two agents and the control plane without a network in between: what is sent arrives at once, unless the test
// cuts a link; all clocks are right. The random faults are in test/sim.
import { blankRow, judgeVote, type VoteRow } from '../../../core/votes/control-plane.ts'
import { mayAct } from '../../../core/votes/lease.ts'
import type {
  ControlPlaneAnswer,
  PeerMessage,
  Refusal,
  ToControlPlane,
} from '../../../core/votes/messages.ts'
import {
  type Ballot,
  blankBallot,
  type Effect,
  type Input,
  type VoteState,
  wakeAt,
} from '../../../core/votes/state.ts'
import { open, step } from '../../../core/votes/step.ts'
import type { ByAgent } from '../../../core/votes/terms.ts'
import type { Voters } from '../../../core/votes/voters.ts'

export type Name = 'a' | 'b'
export const PAIR: Voters = { version: 1, A: 'a', B: 'b' }

interface Agent {
  state: VoteState | undefined
  disk: Ballot
  starts: number
  heads: ByAgent
}

export class Pair {
  now = 0
  row: VoteRow
  /** What the control plane stores of journals. */
  stored: ByAgent = {}
  readonly cut = new Set<string>()
  readonly agents: Record<Name, Agent>
  /** Everything that was said, in order. */
  readonly said: { from: string; message: PeerMessage | ToControlPlane | ControlPlaneAnswer }[] = []
  readonly effects: Record<Name, Effect[]> = { a: [], b: [] }
  /** Writes wait in here while the disk hangs. */
  hungDisks = new Set<Name>()
  readonly #hung: { name: Name; id: number; ballot: Ballot }[] = []
  #queue: (() => void)[] = []

  constructor(voters: Voters = PAIR) {
    this.row = blankRow(voters)
    const agent = (): Agent => ({
      state: undefined,
      disk: blankBallot(voters, true),
      starts: 0,
      heads: {},
    })
    this.agents = { a: agent(), b: agent() }
  }

  /** Both started, their silence over, and one of them active. */
  static settled(): Pair {
    const pair = new Pair()
    pair.start('a')
    pair.start('b')
    pair.pass(4000)
    return pair
  }

  state(name: Name): VoteState {
    const { state } = this.agents[name]
    if (!state) throw new Error(`${name} does not run`)
    return state
  }

  start(name: Name): void {
    const agent = this.agents[name]
    agent.starts += 1
    const { starts: start, disk: ballot, heads } = agent
    this.#moved(name, open({ me: name, start, ballot, heads, committed: {} }, this.now))
    this.#deliver()
  }

  kill(name: Name): void {
    this.agents[name].state = undefined
  }

  take(name: Name, input: Input): void {
    const { state } = this.agents[name]
    if (!state) return
    this.#moved(name, step(state, input, this.now))
    this.#deliver()
  }

  /** The journal of one agent grows, there alone. */
  record(name: Name, heads: ByAgent): void {
    this.agents[name].heads = { ...this.agents[name].heads, ...heads }
    this.take(name, { type: 'journal', heads, committed: {} })
  }

  /** `link` is 'ab', 'ba', 'aC', 'Cb', …: one way each. */
  break(...links: string[]): void {
    for (const link of links) this.cut.add(link)
  }

  heal(): void {
    this.cut.clear()
  }

  letDiskWrite(name: Name): void {
    this.hungDisks.delete(name)
    for (const write of this.#hung.splice(0)) this.#written(write.name, write.id, write.ballot)
    this.#deliver()
  }

  pass(ms: number): void {
    const until = this.now + ms
    for (;;) {
      const due = (['a', 'b'] as const).flatMap((name) => {
        const { state } = this.agents[name]
        return state ? [{ name, at: wakeAt(state) }] : []
      })
      const next = due.sort((one, other) => one.at - other.at)[0]
      if (next === undefined || next.at > until) break
      this.now = Math.max(this.now, next.at)
      this.take(next.name, { type: 'tick' })
    }
    this.now = until
  }

  /** Who may act now. */
  get active(): Name[] {
    return (['a', 'b'] as const).filter((name) => this.epochOf(name) !== undefined)
  }

  epochOf(name: Name): number | undefined {
    const { state } = this.agents[name]
    return state && mayAct(state, this.now)
  }

  /** The refusals that this voter gave since the given number of messages. */
  refusals(from: string, since = 0): Refusal[] {
    return this.said.slice(since).flatMap(({ from: voter, message }) => {
      return voter === from && 'refusal' in message && message.refusal ? [message.refusal] : []
    })
  }

  #moved(name: Name, [state, effects]: [VoteState, Effect[]]): void {
    this.agents[name].state = state
    this.effects[name].push(...effects)
    for (const effect of effects) this.#perform(name, effect)
  }

  #perform(name: Name, effect: Effect): void {
    const other = name === 'a' ? 'b' : 'a'
    switch (effect.type) {
      case 'store':
        if (this.hungDisks.has(name)) {
          this.#hung.push({ name, id: effect.id, ballot: effect.ballot })
          return
        }
        return this.#written(name, effect.id, effect.ballot)
      case 'send':
        return effect.to === 'peer'
          ? this.#send(name, other, effect.message)
          : this.#ask(name, effect.message)
      case 'fetch': {
        const from = effect.from === 'peer' ? this.agents[other].heads : this.stored
        if (!this.cut.has(name + (effect.from === 'peer' ? other : 'C'))) {
          this.#queue.push(() => this.record(name, from))
        }
      }
    }
  }

  #written(name: Name, id: number, ballot: Ballot): void {
    this.agents[name].disk = ballot
    this.#queue.push(() => this.take(name, { type: 'stored', id }))
  }

  #send(from: Name, to: Name, message: PeerMessage): void {
    this.said.push({ from, message })
    if (this.cut.has(from + to)) return
    this.#queue.push(() => this.take(to, { type: 'message', from: 'peer', message }))
  }

  #ask(from: Name, message: ToControlPlane): void {
    this.said.push({ from, message })
    if (this.cut.has(`${from}C`)) return
    const { row, answer } = judgeVote(this.row, message, this.stored)
    this.row = row
    this.said.push({ from: 'C', message: answer })
    if (this.cut.has(`C${from}`)) return
    this.#queue.push(() =>
      this.take(from, { type: 'message', from: 'control-plane', message: answer }),
    )
  }

  #deliver(): void {
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) next()
  }
}
