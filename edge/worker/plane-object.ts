// What the objects of the control plane have in common: settings, database and app, made once for as long as an
// object is awake. An object may hold a database client over many requests, which a Worker may not.
import { DurableObject } from 'cloudflare:workers'
import { openDatabase } from '../../db/client.ts'
import { registerControlPlaneKey } from '../../db/control-plane-keys.ts'
import { SOFTWARE_VERSION } from '../../protocol/version.ts'
import { workersClock, workersRandom } from '../../runtime/workers.ts'
import { registerAdminToken } from '../admin-token.ts'
import { createApp } from '../app.ts'
import {
  ApiError,
  bareProblemResponse,
  databaseUnavailable,
  describeError,
  isDatabaseAway,
} from '../errors.ts'
import { OperatorLogWriter } from '../operator-log-writer.ts'
import type { Deps, Hubs } from '../ports.ts'
import { localSignals } from '../signals.ts'
import { openDatabaseSocket } from './database-socket.ts'
import { workersLog } from './log.ts'
import { remoteAddress } from './remote-address.ts'
import { type Bindings, readBindings, type WorkerSettings } from './settings.ts'
import { Wakes } from './wakes.ts'

/** For a reset, a report and a reader at once; a storm wakes the hubs of all sites. */
const CONNECTIONS = 3
/** A connection to the database keeps its object awake. */
const IDLE_TIMEOUT_S = 5

type Opened = { plane: Plane } | { faults: string[] }

export interface Plane {
  settings: WorkerSettings
  /** Without the hubs, which each class of objects has its own way to. */
  base: Omit<Deps, 'hubs' | 'version'>
}

export abstract class PlaneObject extends DurableObject<Bindings> {
  protected readonly wakes: Wakes
  #opening: Promise<Opened> | undefined
  #app: ReturnType<typeof createApp> | undefined
  #registering: Promise<void> | undefined

  constructor(ctx: DurableObjectState, env: Bindings) {
    super(ctx, env)
    this.wakes = new Wakes(workersLog, ctx.id.name ?? '')
  }

  override async fetch(request: Request): Promise<Response> {
    this.wakes.note('request')
    const opened = await this.open()
    if ('faults' in opened) return misconfigured(opened.faults)
    const { plane } = opened
    try {
      if (needsKeys(request)) await this.#register(plane)
    } catch (error) {
      workersLog('error', 'start-failed', describeError(error))
      return bareProblemResponse(startFailure(error))
    }
    this.#app ??= createApp({
      ...plane.base,
      hubs: this.hubs(plane),
      version: SOFTWARE_VERSION,
      operatorLog: new OperatorLogWriter(plane.base),
      remoteAddress,
    })
    return await this.#app.fetch(request, this.env)
  }

  protected abstract hubs(plane: Plane): Hubs

  protected open(): Promise<Opened> {
    this.#opening ??= open(this.env)
    return this.#opening
  }

  /** The plane, for what is no request. Throws where a binding is at fault. */
  protected async mustOpen(): Promise<Plane> {
    const opened = await this.open()
    if ('plane' in opened) return opened.plane
    throw new Error(`misconfigured: ${opened.faults.join('; ')}`)
  }

  /** Once per waking: the database may be another one by then, and it costs one trip. */
  #register({ base: { db, clock }, settings: { key, adminToken } }: Plane): Promise<void> {
    this.#registering ??= Promise.all([
      registerControlPlaneKey(db, { kid: key.sign.kid, key: key.jwk, createdAt: clock.wall() }),
      registerAdminToken(db, adminToken, clock),
    ]).then(
      () => {},
      (error: unknown) => {
        this.#registering = undefined
        throw error
      },
    )
    return this.#registering
  }
}

async function open(bindings: Bindings): Promise<Opened> {
  const read = await readBindings(bindings)
  if ('faults' in read) {
    workersLog('error', 'misconfigured', { faults: read.faults })
    return read
  }
  const { settings } = read
  const { db } = openDatabase(settings.databaseUrl, {
    connections: CONNECTIONS,
    idleTimeoutS: IDLE_TIMEOUT_S,
    socket: openDatabaseSocket,
  })
  const clock = workersClock
  const signals = localSignals(clock)
  const base = { db, clock, random: workersRandom, signals, key: settings.key, log: workersLog }
  return { plane: { settings, base } }
}

/** Whether the route may need the key or the first token in the database; health does not. */
function needsKeys(request: Request): boolean {
  const { pathname } = new URL(request.url)
  return pathname.startsWith('/v1/') || pathname === '/metrics'
}

function startFailure(error: unknown): ApiError {
  if (error instanceof Error && isDatabaseAway(error)) return databaseUnavailable(error)
  return new ApiError('internal', 'the control plane failed; see its log')
}

function misconfigured(faults: readonly string[]): Response {
  const detail = 'the Worker lacks what it needs; correct the bindings below and deploy again'
  const errors = faults.map((fault) => {
    const [name = ''] = fault.split(/[: ]/, 1)
    return { pointer: `/${name}`, detail: fault }
  })
  return bareProblemResponse(new ApiError('misconfigured', detail, { errors }))
}
