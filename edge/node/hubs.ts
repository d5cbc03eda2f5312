// The hubs of all sites in this process, their sockets by the ws library, their alarms by timers.
import { upgradeWebSocket } from '@hono/node-server'
import type { Context } from 'hono'
import type { WebSocket } from 'ws'
import type { Cancel, Clock } from '../../core/ports.ts'
import { listSitesWithOrders } from '../../db/orders.ts'
import { isSite } from '../../db/sites.ts'
import { unknownSite } from '../auth.ts'
import { describeError } from '../errors.ts'
import { CLOSE, Hub } from '../hub.ts'
import type { LinkState, Sockets } from '../hub-ports.ts'
import type { Deps, Hubs } from '../ports.ts'

/**
 * Connections that have not said hello, over all sites; strangers cannot fill the memory. Room for a fleet that
 * comes back together: the oldest are dropped first, and those are about to be welcomed.
 */
const STRANGERS_MAX = 512
/** Messages of one connection that wait for the database before its socket is paused. */
const WAITING_MAX = 8
/** Bytes that wait for an agent to read them; a site document of the largest size has a quarter. */
const UNREAD_MAX = 16_777_216
/** After a failure of the alarm, of the database mostly. */
const ALARM_RETRY_MS = 5000
/** Longest delay that a timer takes in one step. */
const TIMER_MAX_MS = 86_400_000

type HubDeps = Omit<Deps, 'hubs' | 'version'>

interface Link {
  socket: WebSocket
  state: LinkState
  heardAtMs: number
}

interface SiteHub {
  hub: Hub
  links: Map<string, Link>
  cancelAlarm: Cancel
}

export interface LocalHubs extends Hubs {
  /** Takes up the orders that a control plane before this one left. */
  resume(): Promise<void>
  stop(): void
}

export function localHubs(deps: HubDeps): LocalHubs {
  const sites = new Map<string, SiteHub>()
  let nextLink = 0
  let stopped = false

  const hubOf = (site: string): SiteHub => {
    const known = sites.get(site)
    if (known) return known
    const made = makeHub(deps, site, () => stopped)
    sites.set(site, made)
    return made
  }

  const join = (siteHub: SiteHub, socket: WebSocket) => {
    const id = String(++nextLink)
    const state = { nonce: '', openedAtMs: deps.clock.wallMs() }
    siteHub.links.set(id, { socket, state, heardAtMs: deps.clock.wallMs() })
    attach(deps, siteHub, id, socket)
    dropStrangers(sites)
    void siteHub.hub.opened(id).catch((error: unknown) => {
      deps.log('error', 'hub-failed', describeError(error))
      socket.close(CLOSE.failed)
    })
  }

  return {
    dispatch: (site) => hubOf(site).hub.dispatch(),
    publish: (site) => hubOf(site).hub.publish(),
    here: async (site) => hubOf(site).hub,
    presence: async (site) => sites.get(site)?.hub.presence() ?? [],
    async accept({ site, context }) {
      if (!(await isSite(deps.db, site))) throw unknownSite(site)
      const upgrade = upgradeWebSocket(() => ({
        onOpen: (_event, ws) => {
          if (ws.raw) join(hubOf(site), ws.raw as WebSocket)
        },
      }))
      const response = await upgrade(context as Context, async () => {})
      return response ?? new Response(null, { status: 426 })
    },
    async resume() {
      for (const site of await listSitesWithOrders(deps.db)) await hubOf(site).hub.dispatch()
    },
    stop() {
      stopped = true
      for (const { links, cancelAlarm } of sites.values()) {
        cancelAlarm()
        for (const { socket } of links.values()) socket.close(1001, 'the control plane stops')
      }
    },
  }
}

function makeHub(deps: HubDeps, site: string, isStopped: () => boolean): SiteHub {
  const links = new Map<string, Link>()
  const alarm = makeAlarm(deps, () => (isStopped() ? undefined : siteHub.hub.alarmed()))
  const { db, clock, random, key, signals, log } = deps
  const hub = new Hub({
    site,
    db,
    clock,
    random,
    key: key.sign,
    sockets: socketsOf(links),
    setAlarm: alarm.set,
    signals,
    log,
  })
  const siteHub: SiteHub = { hub, links, cancelAlarm: alarm.cancel }
  return siteHub
}

/** One alarm; a failing one rings again, because an order may depend on it. */
function makeAlarm(
  { clock, log }: { clock: Clock; log: Deps['log'] },
  ring: () => Promise<void> | undefined,
): { set: (atMs: number | undefined) => void; cancel: Cancel } {
  let cancel: Cancel = () => {}
  const set = (atMs: number | undefined) => {
    cancel()
    if (atMs === undefined) return
    const delayMs = Math.min(Math.max(0, atMs - clock.wallMs()), TIMER_MAX_MS)
    cancel = clock.after(delayMs, () => {
      ring()?.catch((error: unknown) => {
        log('error', 'alarm-failed', describeError(error))
        set(clock.wallMs() + ALARM_RETRY_MS)
      })
    })
  }
  return { set, cancel: () => cancel() }
}

function socketsOf(links: ReadonlyMap<string, Link>): Sockets {
  return {
    // A peer that has gone never answers the close: until that is given up, its link is no link any more.
    list: () =>
      [...links]
        .filter(([, { socket }]) => isOpen(socket))
        .map(([id, { state }]) => ({ id, state })),
    find: (id) => links.get(id)?.state,
    remember(id, state) {
      const link = links.get(id)
      if (link) link.state = state
    },
    send(id, text) {
      const socket = links.get(id)?.socket
      if (!socket || !isOpen(socket)) return
      socket.send(text)
      if (socket.bufferedAmount > UNREAD_MAX) socket.terminate()
    },
    close(id, code, reason) {
      links.get(id)?.socket.close(code, reason)
    },
    heardAtMs: (id) => links.get(id)?.heardAtMs ?? 0,
  }
}

function isOpen(socket: WebSocket): boolean {
  return socket.readyState === socket.OPEN
}

function attach(deps: HubDeps, { hub, links }: SiteHub, id: string, socket: WebSocket): void {
  let waiting = 0
  const settle = () => {
    waiting -= 1
    if (waiting < WAITING_MAX && isOpen(socket)) socket.resume()
  }
  socket.on('message', (message, isBinary) => {
    const link = links.get(id)
    if (!link || !isOpen(socket)) return
    link.heardAtMs = deps.clock.wallMs()
    const text = isBinary ? '' : String(message)
    waiting += 1
    if (waiting >= WAITING_MAX) socket.pause()
    void hub.message(id, text).then(settle)
  })
  socket.on('error', (error) => deps.log('warn', 'link-failed', describeError(error)))
  socket.on('close', () => {
    const state = links.get(id)?.state
    links.delete(id)
    hub.closed(id, state).catch((error: unknown) => {
      deps.log('error', 'hub-failed', describeError(error))
    })
  })
}

/** The oldest strangers go first. */
function dropStrangers(sites: ReadonlyMap<string, SiteHub>): void {
  const strangers = [...sites.values()]
    .flatMap(({ links }) => [...links.values()])
    .filter(({ state }) => state.agent === undefined)
    .sort((a, b) => a.state.openedAtMs - b.state.openedAtMs)
  for (const { socket } of strangers.slice(0, Math.max(0, strangers.length - STRANGERS_MAX))) {
    socket.terminate()
  }
}
