// Holds every moment of a world against the nevers (spec architecture.md). It goes by what is on the disks and
// by what the machines really did, never by what a device or an agent said.
import { guardedPartners } from '../../core/arbiter.ts'
import type { Conclusion } from '../../core/outcome.ts'
import type { FromHub } from '../../protocol/link.ts'
import type { JournalRecord, RecordOf } from '../../protocol/report.ts'
import { type Effect, isUnderWay } from './effects.ts'
import type { Life } from './life.ts'
import type { Machine } from './machine.ts'
import { OrderFile, type OrderFiles } from './order-files.ts'
import type { Station } from './station.ts'
import type { World } from './world.ts'

/** Of the minute in which a guarded partner is closed, less what a relay may trail. */
const PARTNER_CLOSED_MS = 54_000
/** From the durable intent to its effect, on an agent that nothing disturbs. */
const SENDS_WITHIN_MS = 60
/** By how much the step after the soft one may come too late. */
const HARD_LATE_MS = 60
/** An intent older than this is written again before it is acted on. */
const INTENT_VALID_MS = 230

export class Violation extends Error {
  override readonly name = 'Violation'
}

export class Judge {
  readonly orders: OrderFiles = new Map()
  /** Accepted resets; what a run counts. */
  ladders = 0
  readonly results = new Map<string, number>()
  violation: Violation | undefined
  readonly #world: World
  /** Hash by sequence of all that was ever durable. */
  readonly #durable: string[] = []
  readonly #stoppedAt = new Map<string, number>()
  readonly #toldAt = new Map<string, number>()
  /** The least that the hub's time can be by what was told: its ms less 0.899 of the agent's. */
  readonly #hubTimes = new WeakMap<Life, number>()
  /** The hub's time, at least, when each order was first heard. */
  readonly #heardAt = new WeakMap<Life, Map<string, number>>()

  constructor(world: World) {
    this.#world = world
  }

  fault(said: string): void {
    this.#world.note(() => `VIOLATION: ${said}`)
    this.violation ??= new Violation(said)
  }

  /** A journal was opened: nothing that had been durable may be missing. */
  opened(station: Station, durableSeq: number): void {
    const had = this.#durable.length
    if (durableSeq < had) this.fault(`${station.name} opened at ${durableSeq}, durable was ${had}`)
  }

  /** Bytes became durable. */
  durable(station: Station, bytes: Buffer): void {
    for (const line of bytes.toString('utf8').split('\n')) {
      if (line === '') continue
      const record: JournalRecord = JSON.parse(line.slice(line.indexOf('{')))
      // A torn line of an earlier life may be written over.
      if (record.seq <= this.#durable.length) {
        this.fault(`record ${record.seq} was written a second time`)
        continue
      }
      const { life } = station
      if (record.seq !== this.#durable.length + 1) this.fault(`record ${record.seq} has a gap`)
      this.#durable.push(record.prev)
      this.#world.record(record)
      this.#take(record, station, life)
    }
  }

  #take(record: JournalRecord, station: Station, life: Life | undefined): void {
    if (record.kind === 'observed') return this.#judgeObserved(record, station)
    if (!('order' in record) || record.order === null) return
    const file = this.orders.get(record.order) ?? new OrderFile(record.order)
    this.orders.set(record.order, file)
    switch (record.kind) {
      case 'accepted':
        return this.#accepted(file, record, station, life)
      case 'operation':
        if (file.server !== undefined) this.fault(`${record.order} was accepted twice`)
        file.server = record.target.server
        file.isTest = record.operation !== 'restore'
        file.serial = record.test?.mode === 'serial'
        return this.#judgeExpiry(record, life)
      case 'intent':
        file.intend(record, this.#world.time.now)
        return this.#judgeHardTimer(file, record, station)
      case 'answer':
        return this.#answered(file, record.shot, record.answer)
      case 'settled':
        return this.#answered(file, record.shot, 'settled')
      case 'concluded':
        return this.#concluded(file, record, station)
      case 'ended':
      case 'operation-ended':
        if (file.ended) this.fault(`${record.order} has ended twice`)
        file.ended = true
        return
      case 'refused':
        // A copy that comes after its time is refused beside the act, which counts.
        if (file.server === undefined) file.refused = true
        else if (record.code !== 'expired') this.fault(`${record.order} was refused though it ran`)
    }
  }

  /** Whatever other devices do, the step after the soft one begins in its time. */
  #judgeHardTimer(file: OrderFile, record: RecordOf<'intent'>, station: Station): void {
    const { accepted, softAt } = file
    const { shot, mono, start } = record
    if (shot.rung === 'soft') file.softAt ??= { ms: mono.ms, start }
    if (!accepted || softAt?.start !== start || (shot.rung !== 'hard' && shot.rung !== 'off'))
      return
    if (file.pastHard) return
    file.pastHard = true
    const lateMs = mono.ms - softAt.ms - accepted.record.plan.hardResetAfterMs
    const { now } = this.#world.time
    if (lateMs <= HARD_LATE_MS || station.disturbedMs(accepted.at - 5000, now) > 0) return
    this.fault(`${shot.action} of ${file.order} was due ${Math.round(lateMs)} ms before`)
  }

  #accepted(
    file: OrderFile,
    record: RecordOf<'accepted'>,
    station: Station,
    life: Life | undefined,
  ): void {
    if (file.server !== undefined) this.fault(`${record.order} was accepted twice`)
    if (file.refused) this.fault(`${record.order} was accepted though it had been refused`)
    this.ladders += 1
    const at = station.worldTime(record.mono.ms)
    const { server } = record.plan
    file.server = server
    file.accepted = { record, at, boot: this.#world.bootAt(server, at) }
    this.#judgeExpiry(record, life)
  }

  #concluded(file: OrderFile, { conclusion }: RecordOf<'concluded'>, station: Station): void {
    const { accepted, order } = file
    if (!accepted) return this.fault(`${order} was concluded and never accepted`)
    if (file.concluded) this.fault(`${order} was concluded twice`)
    const { now } = this.#world.time
    file.concluded = { conclusion, at: now }
    const { plan } = accepted.record
    const name = `${conclusion.result} ${conclusion.grade}`
    this.results.set(name, (this.results.get(name) ?? 0) + 1)
    const elapsed = now - accepted.at - station.disturbedMs(accepted.at, now)
    if (elapsed > file.boundMs()) this.fault(`${order} took ${Math.round(elapsed)} ms`)
    if (conclusion.fenced !== (conclusion.result !== 'FAIL')) {
      this.fault(`${order} is ${conclusion.result} with fenced ${conclusion.fenced}`)
    }
    if (!conclusion.fenced) return
    this.#judgeEnded(file, conclusion, 'was concluded')
    if (conclusion.result === 'POFF' && !this.#world.room.machine(plan.server).off) {
      this.fault(`${order} was concluded POFF and ${plan.server} has power`)
    }
    if (plan.requireGrade === 'confirmed' && conclusion.grade !== 'confirmed') {
      this.fault(`${order} is ${conclusion.grade} where confirmed is required`)
    }
  }

  #judgeEnded({ accepted, order }: OrderFile, { result }: Conclusion, how: string): void {
    if (accepted?.boot === undefined) return
    const machine = this.#world.room.machine(accepted.record.plan.server)
    if (machine.runningBoot !== accepted.boot) return
    const { name } = machine.traits
    this.fault(`${order} ${how} ${result} and boot ${accepted.boot} of ${name} still runs`)
  }

  /** The hub learnt the end of a reset: from here on clients may know. */
  announced(order: string, conclusion: Conclusion): void {
    const file = this.orders.get(order)
    if (!file?.concluded) return this.fault(`${order} was announced before it was recorded`)
    if (conclusion.fenced) this.#judgeEnded(file, conclusion, 'was announced')
  }

  /** The hub need not send this order again. */
  journalled(order: string): void {
    const file = this.orders.get(order)
    if (!file || (file.server === undefined && !file.refused)) {
      this.fault(`${order} was told to be journalled, and is on no disk`)
    }
  }

  reported(records: readonly JournalRecord[]): void {
    for (const { seq, prev } of records) {
      const durable = this.#durable[seq - 1]
      if (durable === undefined) this.fault(`record ${seq} was reported before it was durable`)
      else if (durable !== prev)
        this.fault(`record ${seq} was reported otherwise than it is stored`)
    }
  }

  /** An effect is leaving: it must have an intent of its own on the disk. */
  sent(effect: Effect, life: Life): void {
    const { now } = this.#world.time
    const found = this.#findIntent(effect, life, now)
    this.#world.note(
      () => `effect ${effect.id}: ${effect.action} to ${effect.server} ${effect.device}`,
    )
    if (!found) {
      return this.fault(
        `${effect.action} to ${effect.device} of ${effect.server} left without an intent of its own`,
      )
    }
    const { file, intent } = found
    intent.effect = effect
    effect.order = file.order
    effect.shot = intent.shot.id
    file.sent.push(effect)
    const lateMs = now - intent.at
    const { station } = life
    if (lateMs > SENDS_WITHIN_MS && station.disturbedMs(intent.at - 5000, now) === 0) {
      this.fault(`${effect.action} of ${file.order} left ${Math.round(lateMs)} ms after its intent`)
    }
    this.#judgeOnce(file, effect)
    this.#judgeLoose(effect)
    if (effect.action === 'on') this.#judgeOn(file, effect)
  }

  #findIntent(effect: Effect, life: Life, now: number) {
    const start = life.journal?.start ?? 0
    const since = now - INTENT_VALID_MS - life.station.disturbedMs(now - 20_000, now)
    // The newest: what a reset has ended in the same turn sends nothing any more.
    for (const file of [...this.orders.values()].reverse()) {
      if (file.server !== effect.server) continue
      const intent = file.findUnsent(effect, start, since)
      if (intent) return { file, intent }
    }
    return undefined
  }

  /** One hard and one soft reset per order; a level again only after a look or a refusal. */
  #judgeOnce(file: OrderFile, effect: Effect): void {
    const same = file.sent.filter(
      (other) =>
        other !== effect && other.device === effect.device && other.action === effect.action,
    )
    const last = same.at(-1)
    if (!last) return
    if (effect.action === 'nmi' || effect.action === 'reset') {
      return this.fault(`${effect.action} of ${file.order} left twice`)
    }
    const subject = effect.device === 'bmc' ? `server ${effect.server}` : `outlet ${effect.device}`
    const opposite = effect.action === 'on' ? 'off' : 'on'
    const looked = (this.#toldAt.get(`${subject} ${opposite}`) ?? 0) > last.sentAt
    const intent = file.intents.get(last.shot ?? 0)
    if (!looked && intent?.answer !== 'refused') {
      this.fault(`${effect.action} of ${file.order} left again without a look in between`)
    }
  }

  #judgeLoose(effect: Effect): void {
    const { action, server, device, order } = effect
    if (action === 'on') return
    const partners = guardedPartners(this.#world.hub.document, server)
    for (const other of this.#world.room.effects.slice(-200)) {
      if (other === effect || other.action === 'on' || !isUnderWay(other)) continue
      const harmful = other.order !== order || other.action !== 'nmi'
      const strikes = device === 'bmc' && (action === 'reset' || action === 'nmi')
      if (other.server === server && other.device === 'bmc' && strikes && harmful) {
        this.fault(`${action} to ${server} left while ${other.action} (${other.id}) is under way`)
      }
      const stops = !this.orders.get(other.order ?? '')?.serial
      if (partners.includes(other.server) && stops) {
        this.fault(`${action} to ${server} left while its partner may still be hit (${other.id})`)
      }
    }
  }

  #judgeOn(file: OrderFile, effect: Effect): void {
    const { accepted, concluded, order } = file
    for (const other of this.orders.values()) {
      if (other.server !== effect.server || !other.accepted || other.concluded) continue
      this.fault(`on to ${effect.server} left before ${other.order} was concluded`)
    }
    if (!accepted || effect.device === 'bmc') return
    const { feeds, pduRecoveryWaitMs } = accepted.record.plan
    const cutAll = feeds.every(({ pdu, outlet }) =>
      file.sent.some((each) => each.device === `${pdu}/${outlet}` && each.action === 'off'),
    )
    const first = file.sent.filter(({ action }) => action === 'on').length === 1
    const { room, time } = this.#world
    if (cutAll && first && feeds.some(({ pdu, outlet }) => room.pdu(pdu).isOn(outlet))) {
      this.fault(`on of ${order} left before every feed was off`)
    }
    if (cutAll && concluded && time.now < concluded.at + pduRecoveryWaitMs - 5) {
      this.fault(`on of ${order} left before its recovery wait was over`)
    }
  }

  #answered(file: OrderFile, shot: number, answer: string): void {
    const intent = file.intents.get(shot)
    if (!intent) return
    if (answer !== 'settled') intent.answer = answer
    if (answer === 'lost' || !intent.effect || !isUnderWay(intent.effect)) return
    if (answer === 'unreachable') return
    this.fault(`shot ${shot} of ${file.order} is ${answer}, and its effect is still under way`)
  }

  /** A boot ended. */
  ended(machine: Machine, by: Effect | undefined): void {
    if (!by) return
    const { name } = machine.traits
    const { time, hub } = this.#world
    for (const partner of guardedPartners(hub.document, name)) {
      const at = this.#stoppedAt.get(partner)
      if (at === undefined || time.now - at > PARTNER_CLOSED_MS) continue
      this.fault(`${name} was stopped by us, ${partner} ${Math.round(time.now - at)} ms before`)
    }
    this.#stoppedAt.set(name, time.now)
  }

  /** A device said so, and the agent got it. */
  told(subject: string, value: 'on' | 'off'): void {
    this.#toldAt.set(`${subject} ${value}`, this.#world.time.now)
  }

  #judgeObserved(
    { subject, name, attribute, value }: RecordOf<'observed'>,
    station: Station,
  ): void {
    const off =
      (subject === 'server' && attribute === 'power' && value === 'poff') ||
      (subject === 'outlet' && value === 'Disable')
    if (!off) return
    const { now } = this.#world.time
    const told = this.#toldAt.get(`${subject} ${name} off`) ?? Number.NEGATIVE_INFINITY
    const ageMs = now - told - station.disturbedMs(told, now)
    if (ageMs > 3000) this.fault(`${name} was observed ${value} and no device had said so`)
  }

  /** An agent takes a message of the hub: what it must know of the hub's time from here on. */
  heard(life: Life, message: FromHub): void {
    const { nowMs } = message
    if (nowMs === undefined) return
    const now = life.station.monotonic()
    const intercept = Math.max(this.#hubTimes.get(life) ?? 0, nowMs - 0.899 * now)
    this.#hubTimes.set(life, intercept)
    if (message.type !== 'order') return
    const heard = this.#heardAt.get(life) ?? new Map<string, number>()
    this.#heardAt.set(life, heard)
    // Whether it is still good is decided when it comes first.
    if (!heard.has(message.token)) heard.set(message.token, intercept + 0.899 * now)
  }

  #judgeExpiry(record: RecordOf<'accepted'> | RecordOf<'operation'>, life: Life | undefined): void {
    const row = this.#world.hub.rows.get(record.order)
    const leastMs = life && this.#heardAt.get(life)?.get(record.token ?? '')
    if (!row || leastMs === undefined || record.token !== row.token) return
    const lateMs = Math.round(leastMs - row.order.expiresAtMs)
    // Tokens count in seconds.
    if (lateMs <= 1000) return
    this.fault(`${record.order} was accepted ${lateMs} ms after it had expired`)
  }

  gaveUp({ station }: Life, said: string): void {
    const excused = /ENOSPC|no space left|in use by/.test(said)
    if (!excused) this.fault(`${station.name} gave up: ${said}`)
  }

  /** Nothing more will happen: what is open now stays open. */
  finish(): void {
    const { hub } = this.#world
    for (const file of this.orders.values()) {
      const { order, server, refused, ended, accepted, concluded } = file
      if (server === undefined && !refused)
        this.fault(`${order} has neither begun nor been refused`)
      if (server !== undefined && !ended) this.fault(`${order} never ended`)
      if (accepted && !concluded) this.fault(`${order} was never concluded`)
      if (accepted && ended && hub.view(order)?.result !== concluded?.conclusion.result) {
        this.fault(`the view of ${order} is ${hub.view(order)?.result}`)
      }
    }
    for (const said of hub.faults) this.fault(`hub: ${said}`)
    const stored = [...hub.stored.values()].reduce((sum, { records }) => sum + records.length, 0)
    if (stored !== this.#durable.length) {
      this.fault(`the hub holds ${stored} of ${this.#durable.length} durable records`)
    }
  }
}
