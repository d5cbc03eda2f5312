// The object of one site: its hub, and the app for whatever concerns that site, so that a long poll is woken where
// the report arrives. It sleeps whenever nothing happens; the platform keeps its connections and its alarm.
import { isSite } from '../../db/sites.ts'
import { workersClock, workersRandom } from '../../runtime/workers.ts'
import { unknownSite } from '../auth.ts'
import { describeError } from '../errors.ts'
import { CLOSE, Hub } from '../hub.ts'
import type { Hubs, LinkRequest, Presence } from '../ports.ts'
import { HibernatingSockets } from './hibernating-sockets.ts'
import { workersLog } from './log.ts'
import { type Plane, PlaneObject } from './plane-object.ts'
import { remoteHubs } from './remote-hubs.ts'
import type { Bindings } from './settings.ts'

/** Connections that have not said hello; strangers cannot fill the memory. */
const STRANGERS_MAX = 64
/** The longest report (`BATCH_CHARACTERS_MAX`), with room for a record of its own; the platform takes far more. */
const MESSAGE_MAX = 2_097_152
/** After a failure of the alarm, of the database mostly. The platform's own retries end after a few. */
const ALARM_RETRY_MS = 5000

export class SiteHub extends PlaneObject {
  readonly #sockets: HibernatingSockets
  #hub: Promise<Hub> | undefined

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.#sockets = new HibernatingSockets(ctx, workersClock, workersRandom)
  }

  async dispatch(): Promise<void> {
    this.wakes.note('call')
    await (await this.#open()).dispatch()
  }

  async publish(): Promise<void> {
    this.wakes.note('call')
    await (await this.#open()).publish()
  }

  async presence(): Promise<Presence[]> {
    this.wakes.note('call')
    return (await this.#open()).presence()
  }

  override async webSocketMessage(socket: WebSocket, message: string | ArrayBuffer): Promise<void> {
    this.wakes.note('message')
    const id = this.#sockets.heard(socket)
    if (id === undefined) return
    if (typeof message === 'string' && message.length > MESSAGE_MAX) {
      this.#sockets.close(id, CLOSE.tooLarge, 'too large')
      return
    }
    try {
      await (await this.#open()).message(id, typeof message === 'string' ? message : '')
    } catch (error) {
      workersLog('error', 'hub-failed', { site: this.#site, ...describeError(error) })
      this.#sockets.close(id, CLOSE.failed, 'the hub failed; connect again')
    }
  }

  override async webSocketClose(socket: WebSocket): Promise<void> {
    await this.#ended(socket)
  }

  override async webSocketError(socket: WebSocket, error: unknown): Promise<void> {
    workersLog('warn', 'link-failed', { site: this.#site, ...describeError(error) })
    await this.#ended(socket)
  }

  override async alarm(): Promise<void> {
    this.wakes.note('alarm')
    try {
      await (await this.#open()).alarmed()
    } catch (error) {
      workersLog('error', 'alarm-failed', { site: this.#site, ...describeError(error) })
      await this.ctx.storage.setAlarm(workersClock.wallMs() + ALARM_RETRY_MS)
    }
  }

  protected override hubs(plane: Plane): Hubs {
    const elsewhere = remoteHubs(this.env)
    const isOwn = (site: string) => site === this.#site
    return {
      dispatch: async (site) =>
        isOwn(site) ? await (await this.#open()).dispatch() : await elsewhere.dispatch(site),
      publish: async (site) =>
        isOwn(site) ? await (await this.#open()).publish() : await elsewhere.publish(site),
      presence: async (site) =>
        isOwn(site) ? (await this.#open()).presence() : await elsewhere.presence(site),
      accept: (request) => this.#accept(plane, request),
      here: async (site) => (isOwn(site) ? await this.#open() : undefined),
    }
  }

  get #site(): string {
    const { name } = this.ctx.id
    if (name === undefined) throw new Error('a hub is found by the name of its site only')
    return name
  }

  #open(): Promise<Hub> {
    this.#hub ??= this.mustOpen().then(
      ({ base, settings }) =>
        new Hub({
          ...base,
          site: this.#site,
          key: base.key.sign,
          sockets: this.#sockets,
          setAlarm: (atMs) => this.#setAlarm(atMs),
          sweepEveryMs: settings.sweepEveryMs,
        }),
    )
    return this.#hub
  }

  /** Always written, even if it changes nothing: an object that was replaced fails here, before it answers. */
  async #setAlarm(atMs: number | undefined): Promise<void> {
    if (atMs === undefined) await this.ctx.storage.deleteAlarm()
    else await this.ctx.storage.setAlarm(atMs)
  }

  async #accept({ base }: Plane, { site }: LinkRequest): Promise<Response> {
    if (!(await isSite(base.db, site))) throw unknownSite(site)
    if (site !== this.#site) throw new Error('the link of another site came here')
    const { 0: client, 1: server } = new WebSocketPair()
    const id = this.#sockets.accept(server)
    this.#dropStrangers()
    await (await this.#open()).opened(id)
    return new Response(null, { status: 101, webSocket: client })
  }

  /** The oldest strangers go first. */
  #dropStrangers(): void {
    const strangers = this.#sockets
      .list()
      .filter(({ state }) => state.agent === undefined)
      .sort((a, b) => a.state.openedAtMs - b.state.openedAtMs)
    for (const { id } of strangers.slice(0, Math.max(0, strangers.length - STRANGERS_MAX))) {
      this.#sockets.close(id, CLOSE.refused, 'too many connections without a hello')
    }
  }

  async #ended(socket: WebSocket): Promise<void> {
    this.wakes.note('close')
    const ended = this.#sockets.ended(socket)
    if (!ended) return
    try {
      await (await this.#open()).closed(ended.id, ended.state)
    } catch (error) {
      workersLog('error', 'hub-failed', { site: this.#site, ...describeError(error) })
    }
  }
}
