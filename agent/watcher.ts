// Looks at every device all the time and reports transitions only (spec architecture.md, decision 4).
import type { PowerLook } from '../core/ladder/ladder.ts'
import type { Cancel, Clock, Random } from '../core/ports.ts'
import { type PowerWatch, UNWATCHED, watchLink, watchPower } from '../core/power-watch.ts'
import { type Machine, machinesOf, type SiteDocument } from '../core/site.ts'
import type { Body } from '../protocol/report.ts'
import { lookAtOutlets, lookAtPower } from './device-access.ts'
import type { DeviceName, Devices } from './devices.ts'
import type { Link } from './drivers/driver.ts'
import type { ProofKind } from './proofs.ts'

/** From one look at a BMC to the next. */
export const POWER_EVERY_MS = 1000
export const OUTLETS_EVERY_MS = 2000
const LOOK_TIMEOUT_MS = 1000

export interface WatcherOptions {
  clock: Clock
  random: Random
  devices: Devices
  report(bodies: Body[]): void
  /** Power or link of this server changed: states that follow from it may too. */
  serverChanged(server: string): void
}

type Observed = Extract<Body, { kind: 'observed' }>

export class Watcher {
  readonly #options: WatcherOptions
  readonly #power = new Map<string, PowerWatch>()
  readonly #outlets = new Map<string, Map<number, 'on' | 'off'>>()
  /** What was last reported of each subject and attribute. */
  readonly #reported = new Map<string, string>()
  readonly #loops = new Map<string, Cancel>()
  #site: SiteDocument | undefined
  #machines: ReadonlyMap<string, Machine> = new Map()

  constructor(options: WatcherOptions) {
    this.#options = options
  }

  apply(site: SiteDocument): void {
    this.#site = site
    const wanted = new Set<string>()
    this.#machines = new Map(machinesOf(site).map((machine) => [machine.name, machine]))
    for (const name of this.#machines.keys()) {
      wanted.add(`bmc/${name}`)
      this.#keepLooking(`bmc/${name}`, POWER_EVERY_MS, () => this.#lookAtMachine(name))
      this.#reportPduLink(name)
    }
    for (const { name } of site.spec.pdus) {
      wanted.add(`pdu/${name}`)
      this.#keepLooking(`pdu/${name}`, OUTLETS_EVERY_MS, () => this.#lookAtPdu(name))
    }
    for (const [key, stop] of this.#loops) {
      if (wanted.has(key)) continue
      stop()
      this.#loops.delete(key)
      this.#power.delete(key.slice('bmc/'.length))
    }
  }

  stop(): void {
    for (const stop of this.#loops.values()) stop()
    this.#loops.clear()
  }

  power(machine: string): PowerWatch {
    return this.#power.get(machine) ?? UNWATCHED
  }

  /** Whether every one of these outlets was last read off. */
  lastOff(feeds: readonly { pdu: string; outlet: number }[]): boolean {
    return (
      feeds.length > 0 &&
      feeds.every(({ pdu, outlet }) => this.#outlets.get(pdu)?.get(outlet) === 'off')
    )
  }

  outlet({ pdu, outlet }: { pdu: string; outlet: number }): 'on' | 'off' | 'unknown' {
    return this.#outlets.get(pdu)?.get(outlet) ?? 'unknown'
  }

  linkChanged({ kind, name }: DeviceName, link: Link): void {
    if (kind === 'bmc') {
      this.#power.set(name, watchLink(this.power(name), link.state))
      this.#observeMachine(name, 'bmc', this.power(name).bmc, link.detail)
      this.#options.serverChanged(name)
      return
    }
    const shown = link.state === 'up' ? 'OK' : link.state === 'down' ? 'NG' : undefined
    if (shown) this.#observe('pdu', name, 'link', shown, link.detail)
    for (const machine of this.#machines.keys()) this.#reportPduLink(machine)
  }

  /** A device that was replaced or changed shows nothing until it has been read anew. */
  forget(machine: string): void {
    this.#power.set(machine, { ...UNWATCHED, bmc: this.power(machine).bmc })
    this.#observeMachine(machine, 'power', '--', 'settings changed')
  }

  /** Reports a value once, when it, or its `mark` where it has one, differs from what was reported last. */
  #observe(
    subject: Observed['subject'],
    name: string,
    attribute: Observed['attribute'],
    value: string,
    detail = '',
    readAt = this.#options.clock.wall(),
    mark = value,
  ): void {
    const key = `${subject} ${name} ${attribute}`
    if (this.#reported.get(key) === mark) return
    this.#reported.set(key, mark)
    this.#options.report([
      { kind: 'observed', subject, name, attribute, value, detail: detail.slice(0, 2000), readAt },
    ])
  }

  #observeMachine(
    name: string,
    attribute: Observed['attribute'],
    value: string,
    detail?: string,
    readAt?: string,
  ): void {
    this.#observe(this.#subjectOf(name), name, attribute, value, detail, readAt)
  }

  /** A management server without a BMC is no machine that is watched. */
  #subjectOf(name: string): 'server' | 'managementServer' {
    const managing = this.#site?.spec.managementServers.some((server) => server.name === name)
    return managing ? 'managementServer' : 'server'
  }

  observeSystem(name: string, state: string): void {
    this.#observe('system', name, 'state', state)
  }

  /** `provenAt`: when it was last proven, of the devices as they are now. */
  observeProof(machine: string, of: ProofKind, provenAt: string | undefined): void {
    const subject = this.#subjectOf(machine)
    if (provenAt === undefined) return this.#observe(subject, machine, of, 'unproven')
    const detail = `last at ${provenAt}`
    this.#observe(subject, machine, of, 'proven', detail, provenAt, provenAt)
  }

  #keepLooking(key: string, everyMs: number, look: () => Promise<void>): void {
    if (this.#loops.has(key)) return
    const { clock, random } = this.#options
    let stopped = false
    let cancel: Cancel = () => {}
    const loop = async () => {
      const startedAt = clock.now()
      await look()
      if (stopped) return
      cancel = clock.after(Math.max(0, startedAt + everyMs - clock.now()), () => void loop())
    }
    cancel = clock.after(random.fraction() * everyMs * 0.25, () => void loop())
    this.#loops.set(key, () => {
      stopped = true
      cancel()
    })
  }

  async #lookAtMachine(name: string): Promise<void> {
    const { devices, clock } = this.#options
    const look = await lookAtPower(devices, name, LOOK_TIMEOUT_MS, clock)
    const before = this.power(name)
    const after = watchPower(before, look)
    this.#power.set(name, after)
    this.#reportIdentity(name, look)
    if (after.power !== '--') this.#observeMachine(name, 'power', after.power, '', look.readAt)
    if (after.power !== before.power || after.provenOff !== before.provenOff) {
      this.#options.serverChanged(name)
    }
  }

  #reportIdentity(name: string, look: PowerLook): void {
    if (look.value === 'silent') return
    const subject = this.#subjectOf(name)
    const before = this.#reported.get(`${subject} ${name} identity`)
    this.#observe(subject, name, 'identity', look.identity, look.detail, look.readAt)
    const raised = look.identity === 'mismatch'
    if (before === look.identity || (!raised && before !== 'mismatch')) return
    const detail = raised
      ? `another machine answers at the BMC address of ${name}: it is neither read nor reset`
      : `the bound machine answers at the BMC address of ${name} again`
    this.#options.report([
      { kind: 'alarm', code: 'identity-mismatch', subject: name, detail, raised },
    ])
  }

  async #lookAtPdu(name: string): Promise<void> {
    const { devices, clock } = this.#options
    const outlets = this.#outletsInUse(name)
    if (outlets.length === 0) return
    const look = await lookAtOutlets(devices, name, outlets, LOOK_TIMEOUT_MS, clock)
    if (!look.outlets) return
    const kept = this.#outlets.get(name) ?? new Map<number, 'on' | 'off'>()
    this.#outlets.set(name, kept)
    for (const { outlet, value, raw } of look.outlets) {
      if (value === 'unknown') kept.delete(outlet)
      else kept.set(outlet, value)
      const state = { on: 'Enable', off: 'Disable', unknown: '--' }[value]
      this.#observe('outlet', `${name}/${outlet}`, 'state', state, raw, look.readAt)
    }
    const controller = devices.findPdu(name)
    if (controller?.model) this.#observe('pdu', name, 'model', controller.model)
    if (controller?.firmware) this.#observe('pdu', name, 'firmware', controller.firmware)
  }

  #outletsInUse(pdu: string): number[] {
    const { servers = [], managementServers = [] } = this.#site?.spec ?? {}
    const feeds = [...servers, ...managementServers].flatMap((owner) => owner.feeds)
    return [...new Set(feeds.filter((feed) => feed.pdu === pdu).map(({ outlet }) => outlet))]
  }

  /** NG if any of a machine's PDUs is (spec domain.md §5). */
  #reportPduLink(name: string): void {
    const machine = this.#machines.get(name)
    if (!machine?.pduControl) return this.#observeMachine(name, 'pdu', '--')
    const states = machine.feeds.map(({ pdu }) => this.#options.devices.findPdu(pdu)?.link.state)
    if (states.includes('down')) this.#observeMachine(name, 'pdu', 'NG')
    else if (states.every((state) => state === 'up')) this.#observeMachine(name, 'pdu', 'OK')
  }
}
