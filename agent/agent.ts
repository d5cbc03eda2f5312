// One agent: its journal, devices, ladders and link, wired together. Everything that lasts is in the
// journal; everything here is rebuilt from it at start.
import { STOPPED_WITHOUT_REGISTRATION_MS } from '../core/arbiter.ts'
import type { Circumstances, Ladder } from '../core/ladder/ladder.ts'
import type { Conclusion, Result } from '../core/outcome.ts'
import type { Plan } from '../core/plan.ts'
import type { Clock, Random } from '../core/ports.ts'
import type { Shot } from '../core/shot.ts'
import { machinesOf, systemsOf } from '../core/site.ts'
import { systemState } from '../core/system-state.ts'
import type { OpeningKey, VerifyingKey } from '../protocol/keys.ts'
import type { Body } from '../protocol/report.ts'
import { openSealed } from '../protocol/seal.ts'
import { type DeviceName, Devices, type DevicesInUse } from './devices.ts'
import type { Controllers } from './drivers/controllers.ts'
import type { Link } from './drivers/driver.ts'
import { Executor } from './executor.ts'
import type { Journal } from './journal/journal.ts'
import { createLooseShots, type LooseShot, type LooseShots } from './loose.ts'
import { type HeardNotice, Notices } from './notices.ts'
import type { Seen } from './operations.ts'
import { OrderDesk } from './order-desk.ts'
import { createProofs } from './proofs.ts'
import { resumeOrders } from './resume-orders.ts'
import { SeenResets } from './seen-resets.ts'
import { type HeldSite, SiteHolder, type SiteVerdict } from './site-holder.ts'
import { Watcher } from './watcher.ts'
import { Wiring } from './wiring.ts'

export interface AgentOptions {
  clock: Clock
  random: Random
  /** Of this boot of the machine: monotonic instants compare only within it. */
  bootId: string
  site: string
  /** Its name, and that of its management server in the site's document. */
  name: string
  journal: Journal
  controlPlaneKeys(): readonly VerifyingKey[]
  /** Private half of the site key. */
  openingKey: OpeningKey
  files: { site: string; bindings: string; proofs: string }
  /** Default: over the network. */
  controllers?: Controllers
  /** Tells the hub that an order need not be sent again. */
  journalled(order: string): void
  log(line: string): void
  /** The agent can no longer keep its promises: the process must end. */
  failed(error: unknown): void
}

export class Agent {
  readonly #options: AgentOptions
  readonly #devices: Devices
  readonly #watcher: Watcher
  readonly #executor: Executor
  readonly #desk: OrderDesk
  readonly #loose: LooseShots
  readonly #notices = new Notices()
  readonly #wiring: Wiring
  readonly #seenResets: SeenResets
  readonly #holder: SiteHolder
  /** The last conclusion that stopped each server. */
  readonly #stopped = new Map<string, { result: Result; at: number }>()
  #configuring: Promise<void> = Promise.resolve()
  /** The document by which all devices are set up, and a newer one that acts under way hold back in part. */
  #inForce: HeldSite | undefined
  #waiting: HeldSite | undefined

  constructor(options: AgentOptions) {
    this.#options = options
    const { clock, random, journal, bootId, site, controlPlaneKeys: keys, files } = options
    this.#holder = new SiteHolder(files.site, site, keys)
    this.#loose = createLooseShots(clock, (shot) => this.#settled(shot))
    this.#devices = new Devices({
      clock,
      random,
      ...(options.controllers ? { controllers: options.controllers } : {}),
      bindingsFile: files.bindings,
      events: {
        linkChanged: (device, link) => this.#linkChanged(device, link),
        heard: (device, askedAt) => this.#loose.heard(device, askedAt),
      },
    })
    this.#watcher = new Watcher({
      clock,
      random,
      devices: this.#devices,
      report: (bodies) => this.#report(bodies),
      serverChanged: (server) => this.#showSystems(server),
    })
    const proofs = createProofs(files.proofs)
    this.#wiring = new Wiring(proofs, clock, (server, provenAt) =>
      this.#watcher.observeProof(server, 'wiring', provenAt),
    )
    this.#seenResets = new SeenResets(proofs, clock, (server, seenAt) =>
      this.#watcher.observeProof(server, 'reset', seenAt),
    )
    this.#executor = new Executor({
      clock,
      bootId,
      journal,
      devices: this.#devices,
      loose: this.#loose,
      struck: (course, shot) => course.stops && this.#struck(course.server, shot),
      concluded: (ladder, conclusion) => this.#concluded(ladder, conclusion),
      finished: (course, ending) => {
        const site = this.#holder.held?.document
        this.#wiring.finished(site, course, ending)
        const stopped = course.kind === 'soft-reset-test' && ending.status === 'done'
        if (stopped) this.#seenResets.stopped(site, course.server)
      },
      ended: ({ server }) => this.#ended(server),
      failed: options.failed,
    })
    this.#desk = new OrderDesk({
      clock,
      bootId,
      siteName: site,
      site: () => this.#holder.held?.document,
      keys,
      journal,
      memory: journal.memory,
      executor: this.#executor,
      loose: this.#loose,
      seen: this.#seen(),
      circumstances: (server, feeds) => this.#circumstances(server, feeds),
      journalled: options.journalled,
      failed: options.failed,
    })
  }

  /** Revision of the site document that it goes by; 0 before the first. */
  get revision(): number {
    return this.#holder.held?.revision ?? 0
  }

  /** Takes up devices, open ladders and loose effects from what is on disk. */
  async start(): Promise<void> {
    const loaded = await this.#holder.load()
    if (loaded) await this.#configure(loaded)
    await resumeOrders({
      site: this.#holder.held?.document,
      clock: this.#options.clock,
      bootId: this.#options.bootId,
      journal: this.#options.journal,
      executor: this.#executor,
      loose: this.#loose,
      stopped: (server, result, at) => this.#noteStopped(server, result, at),
      struck: (server, at) => this.#desk.stopped(server, at),
    })
  }

  async takeOrder(token: string, hubNowMs: number): Promise<void> {
    // A document that came first on the link is in force first.
    await this.#configuring
    await this.#desk.take(token, hubNowMs)
  }

  takeSite(token: string): Promise<void> {
    const before = this.revision
    this.#configuring = this.#configuring
      .then(() => this.#holder.take(token))
      .then(async (verdict) => {
        if ('held' in verdict && verdict.held.revision === before) return
        await this.#configure(verdict)
      })
      .catch((error) => this.#options.failed(error))
    return this.#configuring
  }

  /** What waited for the end of this act is brought in line now. */
  #ended(server: string): void {
    this.#showSystems(server)
    const held = this.#waiting
    if (!held) return
    this.#configuring = this.#configuring
      .then(() => (held === this.#waiting ? this.#configure({ held }) : undefined))
      .catch((error) => this.#options.failed(error))
  }

  takeNotice(notice: HeardNotice): void {
    const site = this.#holder.held?.document
    const taken = site && this.#notices.take(site, notice)
    if (!taken) return
    const { server, ...system } = taken.system
    const running = this.#executor.findByServer(server)
    const ladder = running?.ladder
    const testing = running?.kind === 'soft-reset-test'
    const under = ladder?.order ?? (testing ? running.order : null)
    // One that lay unread since long before the request tells of an earlier boot, perhaps.
    const since = ladder?.startedAt ?? notice.at
    const now = this.#options.clock.now()
    const order = notice.at >= since || this.#notices.findFresh(server, now) ? under : null
    if (taken.begins || testing || (ladder && !hasNotice(ladder, notice.address))) {
      const { address, port, at } = notice
      const mono = { bootId: this.#options.bootId, ms: at }
      this.#report([{ kind: 'noticed', order, server, system, address, port, mono }])
    }
    if (order !== null) this.#executor.give(order, { type: 'notice', address: notice.address })
    this.#showSystems(server)
  }

  async stop(): Promise<void> {
    this.#executor.stop()
    this.#watcher.stop()
    await this.#devices.close()
  }

  async #configure(verdict: SiteVerdict): Promise<void> {
    if ('refused' in verdict) {
      this.#options.log(`site document refused: ${verdict.refused}`)
      return
    }
    const { revision, document } = verdict.held
    const { faults, replaced, deferred } = await this.#devices.apply(
      document,
      (sealed, purpose) => this.#unseal(sealed, purpose),
      this.#inUse(),
    )
    this.#waiting = deferred ? verdict.held : undefined
    if (!deferred) this.#inForce = verdict.held
    if (deferred) faults.push('devices of acts under way are changed when these have ended')
    this.#watcher.apply(document)
    for (const machine of replaced) this.#watcher.forget(machine)
    const detail = faults.join('; ').slice(0, 2000)
    for (const fault of faults) this.#options.log(`configuration: ${fault}`)
    this.#options.log(`site document revision ${revision} is in force`)
    this.#report([{ kind: 'configured', revision, detail }])
    for (const { name } of document.spec.servers) this.#showSystems(name)
    this.#wiring.show(document)
    this.#seenResets.show(document)
  }

  #inUse(): DevicesInUse {
    const courses = this.#executor.list()
    const servers = new Set(courses.map(({ server }) => server))
    const planned = courses.flatMap(({ ladder }) => ladder?.plan.feeds ?? [])
    const sites = [this.#inForce, this.#waiting].flatMap((held) => held?.document ?? [])
    const machines = sites.flatMap(machinesOf)
    const owned = machines.filter(({ name }) => servers.has(name)).flatMap(({ feeds }) => feeds)
    return { machines: servers, pdus: new Set([...planned, ...owned].map(({ pdu }) => pdu)) }
  }

  async #unseal(sealed: string, purpose: string): Promise<string> {
    const opened = await openSealed(
      sealed,
      { site: this.#options.site, purpose },
      this.#options.openingKey,
    )
    if ('refused' in opened) {
      throw new Error(`the sealed ${purpose} cannot be opened (${opened.refused}); apply it again`)
    }
    return opened.secret
  }

  #report(bodies: Body[]): void {
    this.#options.journal.append(bodies).catch((error) => this.#options.failed(error))
  }

  #linkChanged(device: DeviceName, link: Link): void {
    this.#watcher.linkChanged(device, link)
  }

  #settled({ order, server, shot, stops }: LooseShot): void {
    const detail = 'a later answer of the device settled it'
    this.#report([{ kind: 'settled', order, shot: shot.id, detail }])
    // Handled or dropped: nobody can tell which.
    if (stops) this.#struck(server, shot)
  }

  /** A device took what stops this server, perhaps long after its reset has failed. */
  #struck(server: string, { rung }: Shot): void {
    if (rung !== 'on') this.#desk.stopped(server, this.#options.clock.now())
  }

  #concluded(ladder: Ladder, { result, fenced }: Conclusion): void {
    const { plan } = ladder
    if (fenced) this.#noteStopped(plan.server, result, this.#options.clock.now())
    if (fenced && wasSeenToStop(ladder, result)) {
      this.#seenResets.stopped(this.#holder.held?.document, plan.server)
    }
    this.#showSystems(plan.server)
  }

  #noteStopped(server: string, result: Result, at: number): void {
    this.#stopped.set(server, { result, at })
    this.#desk.stopped(server, at)
    this.#options.clock.after(STOPPED_WITHOUT_REGISTRATION_MS, () => this.#showSystems(server))
  }

  #circumstances(server: string, feeds: Plan['feeds']): Circumstances {
    const now = this.#options.clock.now()
    const watch = this.#watcher.power(server)
    const fresh = this.#notices.findFresh(server, now)
    const site = this.#holder.held?.document
    const wiringProvenAt = site && this.#wiring.findProof(site, server)
    return {
      ...(fresh ? { freshNotice: { address: fresh.address, wall: fresh.wall } } : {}),
      recentNotice: fresh !== undefined || this.#notices.heardRecently(server, now),
      loose: this.#loose.list().some((shot) => shot.server === server && shot.stops),
      ...(watch.off ? { watchedOff: watch.off } : {}),
      ...(watch.onSession === undefined ? {} : { onSession: watch.onSession }),
      outletsLastOff: this.#watcher.lastOff(feeds),
      ...(wiringProvenAt === undefined ? {} : { wiringProvenAt }),
    }
  }

  #seen(): Seen {
    const now = () => this.#options.clock.now()
    return {
      agent: this.#options.name,
      // There is no peer link in this version.
      peerLink: () => 'not-configured',
      power: (server) =>
        (({ pon: 'on', poff: 'off', '--': 'unknown' }) as const)[this.#watcher.power(server).power],
      outlet: (outlet) => this.#watcher.outlet(outlet),
      bmcLink: (server) => this.#devices.findBmc(server)?.link.state,
      pduLink: (pdu) => this.#devices.findPdu(pdu)?.link.state,
      loose: (server) => this.#loose.list().some((shot) => shot.server === server),
      recentNotice: (server) => this.#notices.heardRecently(server, now()),
    }
  }

  #showSystems(server: string): void {
    const site = this.#holder.held?.document
    if (!site) return
    const running = this.#executor.findByServer(server)
    const watch = this.#watcher.power(server)
    const stopped = this.#stopped.get(server)
    const noticedAt = this.#notices.lastAt(server)
    const state = systemState({
      beingReset: running?.ladder !== undefined && running.ladder.conclusion === undefined,
      ...(stopped ? { stopped } : {}),
      ...(noticedAt === undefined ? {} : { noticedAt }),
      power: watch.power,
      provenOff: watch.provenOff,
      bmc: watch.bmc,
      registered: false,
      now: this.#options.clock.now(),
    })
    for (const { cluster, number } of systemsOf(site, server)) {
      this.#watcher.observeSystem(`${cluster}/${number}`, state)
    }
  }
}

/** A hard reset is only acknowledged; a dump that we asked for, and off that was read, are seen. */
function wasSeenToStop({ shots, feeds }: Ladder, result: Result): boolean {
  const shot = (action: Shot['action']) => shots.some((each) => each.action === action)
  if (result === 'DUMP') return shot('nmi')
  return result === 'POFF' && shot('off') && !feeds.some(({ cut }) => cut)
}

function hasNotice(ladder: Ladder, address: string): boolean {
  return ladder.evidence.some(({ said }) => said === `stop notice from ${address}`)
}
