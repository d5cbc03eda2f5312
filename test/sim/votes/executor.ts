// Sends effects the way redundancy.md asks for: the intent on the local disk, then at the holder of the second
// vote, and the effect in the very turn that reads that acknowledgement.
import { acknowledger, acknowledges, basisOf, mayAct } from '../../../core/votes/lease.ts'
import type { Voter } from '../../../core/votes/terms.ts'
import type { Machine } from './machine.ts'

const ATTEMPTS_MEAN_MS = 700

interface PlacedIntent {
  epoch: number
  seq: number
  start: number
  askedAt: number
  vmPauses: number
}

export class Executor {
  readonly #machine: Machine

  constructor(machine: Machine) {
    this.#machine = machine
  }

  /** Again and again, for the whole run. */
  run(): void {
    const { schedule, chance } = this.#machine.site
    schedule.after(chance.about(ATTEMPTS_MEAN_MS), () => {
      if (this.#machine.runs) this.attempt()
      this.run()
    })
  }

  attempt(): void {
    const machine = this.#machine
    const { state, disk } = machine
    if (state === undefined) return
    const epoch = mayAct(state, machine.clock.now())
    if (epoch === undefined) return
    const seq = (machine.heads[machine.name] ?? 0) + 1
    machine.append(machine.name, seq, () => {
      machine.take({ type: 'journal', heads: { [machine.name]: seq }, committed: {} })
      this.#place({
        epoch,
        seq,
        start: disk.starts,
        askedAt: machine.clock.now(),
        vmPauses: machine.vmPauses,
      })
    })
  }

  #place(intent: PlacedIntent): void {
    const machine = this.#machine
    const { state, site, other, place, hub } = machine
    if (state === undefined) return
    const now = machine.clock.now()
    if (!site.rules.acknowledged) {
      if (mayAct(state, now) === intent.epoch) this.#send(intent)
      return
    }
    const by = acknowledger(state, now)
    if (by === undefined) return this.#fire(intent)
    if (by === 'peer') {
      return site.network.send(place, other.place, () =>
        other.run(() => other.executor.#hearIntent(intent)),
      )
    }
    const atHub = { agent: machine.name, ...intent }
    site.network.send(place, 2, () =>
      site.controlPlane.hearIntent(hub, atHub, () =>
        site.network.send(2, place, () => machine.run(() => this.#acknowledged(intent, by))),
      ),
    )
  }

  /** At the holder of the second vote: durable, and the vote still given, then the acknowledgement. */
  #hearIntent(intent: PlacedIntent): void {
    const machine = this.#machine
    const { other, site, place } = machine
    machine.append(other.name, intent.seq, () => {
      const record = { [other.name]: intent.seq }
      machine.take({ type: 'journal', heads: record, committed: record })
      if (machine.state && acknowledges(machine.state, intent, machine.clock.now())) {
        site.network.send(place, other.place, () =>
          other.run(() => other.executor.#acknowledged(intent, 'peer')),
        )
      }
    })
  }

  #acknowledged(intent: PlacedIntent, by: Voter): void {
    const machine = this.#machine
    if (machine.disk.starts !== intent.start) return
    const record = { [machine.name]: intent.seq }
    machine.take({ type: 'journal', heads: record, committed: record })
    this.#fire(intent, by)
  }

  #fire(intent: PlacedIntent, by?: Voter): void {
    const machine = this.#machine
    const { state, site, clock } = machine
    if (state === undefined) return
    const { epoch, askedAt } = intent
    const acknowledged = by === undefined ? {} : { acknowledged: { by, askedAt } }
    if (site.rules.mayFire(state, { epoch, ...acknowledged }, clock.now())) this.#send(intent)
  }

  #send({ epoch, seq, vmPauses }: PlacedIntent): void {
    const machine = this.#machine
    const { site, state, clock } = machine
    if (state === undefined) return
    const byProof = basisOf(state, clock.now()) === 'peer-off'
    const pausedSince = machine.vmPauses > (byProof ? 0 : vmPauses)
    // Without acknowledgements nobody else has any history to miss.
    const gap = machine.gap || !site.rules.acknowledged
    site.watch.sent({ machine, epoch, gap, pausedSince }, seq)
    this.#journalAnswer(seq + 1)
  }

  /** Answers follow without being waited for; the control plane stores everything that it is sent. */
  #journalAnswer(seq: number): void {
    const machine = this.#machine
    const { site, other, place, name } = machine
    if ((machine.heads[name] ?? 0) >= seq) return
    machine.append(name, seq, () => {
      const record = { [name]: seq }
      machine.take({ type: 'journal', heads: record, committed: {} })
      site.network.send(place, other.place, () => other.run(() => other.copy(record)))
      site.network.send(place, 2, () => site.controlPlane.report(name, seq))
    })
  }
}
