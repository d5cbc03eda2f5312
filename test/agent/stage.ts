// The stage of a file of scenarios: one room in which every scenario has machines of its own, so that all play
// at the same time. What is true is read from the models, and every reset is held against the promises that
// hold for each (spec architecture.md, "Never").
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import type { Step } from '../../protocol/reset-steps.ts'
import type { ResetView } from '../../protocol/reset-view.ts'
import { localTimeIn, resetLog } from '../../protocol/resetlog.ts'
import { nodeClock } from '../../runtime/node.ts'
import type { Machine } from './lab-machines.ts'
import { pause, type ResetQuestion, SiteOnLab } from './site-on-lab.ts'

// Scenarios mostly wait.
vi.setConfig({ maxConcurrency: 64 })

type Traits = Omit<Machine, 'name' | 'cluster'>

export interface Sketch extends Traits {
  /** A second machine in the same cluster, alike unless told otherwise. */
  partner?: Traits
  /** A second management server, `HACON2`; only alone. */
  managementServer?: Traits
  /** A room and an agent of its own, for what would disturb the others. */
  alone?: boolean
}

export type Play = (scene: Scene) => Promise<void>

/** Returns what declares a scenario of this file. */
export function openStage(): (title: string, sketch: Sketch, play: Play) => void {
  const machines: Machine[] = []
  let shared: SiteOnLab | undefined
  beforeAll(async () => {
    if (machines.length > 0) shared = await SiteOnLab.open(machines)
  })
  afterAll(() => shared?.close())
  let count = 0
  return (title, { partner, managementServer, alone, ...traits }, play) => {
    count += 1
    const name = `S${count}`
    const own: Machine[] = [{ ...traits, name, cluster: name }]
    if (partner) own.push({ ...traits, ...partner, name: `${name}b`, cluster: name })
    if (managementServer) own.push({ ...managementServer, name: 'HACON2', managing: true })
    if (!alone) machines.push(...own)
    test.concurrent(title, async () => {
      if (shared && !alone) return play(new Scene(shared, name))
      const lab = await SiteOnLab.open(own)
      try {
        await play(new Scene(lab, name))
      } finally {
        await lab.close()
      }
    })
  }
}

/** Marks two machines of one cluster as a guarded pair. */
export const GUARDED_PAIR = { site: { pairGuard: true, pduRecoveryWaitS: 5 }, partner: {} }

/** Something that reached a device. */
interface Act {
  /** Monotonic ms. */
  at: number
  /** `nmi`, `reset`, `off`, `on`, or `PDU off`, `PDU on`; with the code of a refusal. */
  what: string
}

export class Scene {
  readonly lab: SiteOnLab
  readonly name: string
  readonly #boots: { at: number; state: string; bootId: string | undefined }[] = []

  constructor(lab: SiteOnLab, name: string) {
    this.lab = lab
    this.name = name
    const note = () => {
      const { state, bootId } = this.os
      this.#boots.push({ at: nodeClock.now(), state, bootId })
    }
    note()
    this.os.changed.subscribe(note)
  }

  /** The other machine of the cluster, with a view of its own. */
  partner(): Scene {
    return new Scene(this.lab, `${this.name}b`)
  }

  get model() {
    return this.lab.room.getServer(this.name).model
  }

  get os() {
    return this.model.os
  }

  get number(): number {
    return this.system.number
  }

  get system() {
    const systems = this.lab.document.spec.clusters.flatMap(({ systems }) => systems)
    const system = systems.find(({ server }) => server === this.name)
    if (!system) throw new Error(`${this.name} carries no system`)
    return system
  }

  /** The second management server, with a view of its own. */
  managementServer(): Scene {
    return new Scene(this.lab, 'HACON2')
  }

  get feeds() {
    const { servers, managementServers } = this.lab.document.spec
    const server = [...servers, ...managementServers].find(({ name }) => name === this.name)
    return server?.feeds ?? []
  }

  /** The model of the PDU behind a feed, counted from 0, and its outlet. */
  feed(index: number) {
    const feed = this.feeds[index]
    if (!feed) throw new Error(`${this.name} has no feed ${index + 1}`)
    return { pdu: this.lab.room.getPdu(feed.pdu).model, outlet: feed.outlet }
  }

  order(question: Omit<ResetQuestion, 'server'> = {}): Promise<string> {
    return this.lab.order({ server: this.name, ...question })
  }

  /** Waits for the result of a reset and holds it against what must hold for every reset. */
  async decided(order: string, timeoutMs = 45_000): Promise<ResetView> {
    await this.lab.until(`${order} of ${this.name} is decided`, timeoutMs, async () => {
      const { result, status } = await this.lab.view(order)
      return result !== null || status === 'refused'
    })
    await this.#judge(order)
    return this.lab.view(order)
  }

  /** Waits until a reset has ended, its recovery included. */
  async ended(order: string, timeoutMs = 60_000): Promise<ResetView> {
    await this.lab.until(`${order} of ${this.name} has ended`, timeoutMs, async () => {
      return (await this.lab.view(order)).endedAt !== null
    })
    await this.#judge(order)
    return this.lab.view(order)
  }

  /** All that reached the devices of this machine, by the devices' own records. */
  acts(): Act[] {
    const chassis = this.model.bmc.controls
      .list()
      .map(({ at, what: { action, completionCode } }) => ({
        at,
        what: completionCode === 0 ? action : `${action} refused`,
      }))
    const relays = this.feeds.flatMap(({ pdu, outlet }) =>
      this.lab.room
        .getPdu(pdu)
        .model.orders.list()
        .filter(({ what }) => what.outlet === outlet)
        .map(({ at, what }) => ({ at, what: `${plain(pdu)} ${what.to}` })),
    )
    return [...chassis, ...relays].sort((a, b) => a.at - b.at)
  }

  /** What reached the devices, in order; feeds that were switched together stand by name. */
  did(): string[] {
    return sortRuns(
      this.acts().map(({ what }) => what),
      (what) => /^pdu-. (off|on)$/.exec(what)?.[1],
    )
  }

  /** Instant of the first act of this kind. */
  at(what: string): number {
    const act = this.acts().find((candidate) => candidate.what === what)
    if (!act) throw new Error(`${this.name} never got ${what}, only ${this.did().join(', ')}`)
    return act.at
  }

  /** From acceptance to the first act of this kind, ms. */
  async after(order: string, what: string): Promise<number> {
    return this.at(what) - (await this.#accepted(order)).mono.ms
  }

  /** Evidence as `SOURCE: WORDS`, with `@` for the name of the machine. */
  evidence(view: ResetView): string[] {
    return view.evidence.map(({ source, said }) =>
      plain(`${source.replace(this.name, '@')}: ${said}`),
    )
  }

  /** Lines of the reset log without their time; the port of a stop notice is chance. */
  async log(order: string): Promise<string[]> {
    const lines = [...resetLog(await this.lab.recordsOf(order), localTimeIn('UTC'))].map((line) => {
      expect(line).toMatch(/^\[\d{4}\/\d\d\/\d\d \d\d:\d\d:\d\d:\d{6}\] /)
      return line.replace(/^\[.*?\] /, '').replace(/^(ATTENTION \S+ \d+ RECV [\d.]+) \d+/, '$1 *')
    })
    return sortRuns(lines, (line) => (/^IPDUSD.* RECV /.test(line) ? 'answers' : undefined))
  }

  /** Waits until the BMC session of the room's opening is old enough to prove an off. */
  async settledSession(): Promise<void> {
    await pause(Math.max(0, this.lab.openedAt + 33_000 - nodeClock.now()))
  }

  /** Waits until a new boot runs. */
  async boots(bootId: string | undefined, timeoutMs = 20_000): Promise<void> {
    await this.lab.until(`${this.name} boots again`, timeoutMs, () => {
      return this.os.state === 'running' && this.os.bootId !== bootId
    })
  }

  async systemStates(): Promise<string[]> {
    const name = `${this.name.replace(/b$/, '')}/${this.number}`
    return (await this.lab.observations(name, 'state')).map(({ value }) => value)
  }

  async #accepted(order: string) {
    const accepted = (await this.lab.recordsOf(order)).find(({ kind }) => kind === 'accepted')
    if (accepted?.kind !== 'accepted') throw new Error(`${order} was not accepted`)
    return accepted
  }

  async #judge(order: string): Promise<void> {
    const records = await this.lab.recordsOf(order)
    const concluded = records.filter((record) => record.kind === 'concluded')
    const accepted = records.filter((record) => record.kind === 'accepted')
    if (accepted.length === 0) return
    expect(concluded.length, 'one terminal record').toBe(1)
    for (const action of ['nmi', 'reset'] as const) {
      const shots = records.flatMap((record) =>
        record.kind === 'intent' && record.shot.action === action ? [record.shot.id] : [],
      )
      expect(new Set(shots).size, `${action} of one order`).toBeLessThanOrEqual(1)
    }
    const [from, to] = [accepted[0]?.mono.ms ?? 0, concluded[0]?.mono.ms ?? 0]
    const early = this.acts().filter(
      ({ at, what }) => / on$|^on$/.test(what) && at > from && at < to,
    )
    expect(early, 'nothing is switched on before the result is recorded').toEqual([])
    if (concluded[0]?.conclusion.fenced && this.model.faults.actsLateMs === 0) {
      expect(this.#endedBetween(from, to), 'the boot that ran at acceptance has ended').toBe(true)
    }
    const { steps } = await this.lab.view(order)
    const lines = await this.log(order)
    expect(
      lines.map((line) =>
        line
          .split(' ', 4)
          .filter((_, i) => i === 0 || i === 3)
          .join(' '),
      ),
    ).toEqual(steps.filter(wasSent).map(({ kind, direction }) => `${kind} ${direction}`))
  }

  /** By the machine's own history: what ran at one instant ran no more at the other. */
  #endedBetween(from: number, to: number): boolean {
    const ran = this.#boots.findLast(({ at }) => at <= from) ?? this.#boots[0]
    if (!ran || !['booting', 'running'].includes(ran.state)) return true
    return this.#boots.some(
      ({ at, state, bootId }) =>
        at <= to &&
        at >= ran.at &&
        (bootId !== ran.bootId || !['booting', 'running'].includes(state)),
    )
  }
}

/** Steps as `KIND [what] DIRECTION`, `!` for one that carries an error. */
export function stepsOf(view: ResetView): string[] {
  const told = view.steps.map(
    ({ kind, direction, detail: { action, pdu, switch: to, state, error } }) =>
      [
        kind,
        action,
        pdu && `${plain(pdu)} ${to}`,
        state,
        direction,
        error === null || error === undefined ? undefined : '!',
      ]
        .filter((word) => typeof word === 'string')
        .join(' '),
  )
  return sortRuns(told, (step) => (/^IPDUSD.* RECV/.test(step) ? 'answers' : undefined))
}

function wasSent({ kind, direction, detail }: Step): boolean {
  return !(kind !== 'RM-RESET' && direction === 'SEND' && detail.error !== null)
}

/** PDUs by their place alone, whichever rack or machine they belong to. */
function plain(text: string): string {
  return text.replace(/\b(pdu-[ab])-(S\d+b?|\d+)\b/g, '$1')
}

/** Devices answer in any order: sorts neighbours of one group. */
function sortRuns(items: readonly string[], group: (item: string) => string | undefined): string[] {
  const runs: { group: string | undefined; items: string[] }[] = []
  for (const item of items) {
    const of = group(item)
    const last = runs.at(-1)
    if (last && of !== undefined && last.group === of) last.items.push(item)
    else runs.push({ group: of, items: [item] })
  }
  return runs.flatMap((run) => run.items.sort())
}
