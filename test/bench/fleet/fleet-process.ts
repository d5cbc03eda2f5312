// The process of all the agents of the fleet. Speaks with `fleet.ts` over the channel that fork opens.
import { Pool } from 'undici'
import {
  generateSealingJwk,
  generateSigningJwk,
  importSigningKey,
  importVerifyingKey,
  publicSealingJwk,
  publicSigningJwk,
} from '../../../protocol/keys.ts'
import { nodeClock } from '../../../runtime/node.ts'
import { until } from '../instants.ts'
import type { FleetAnswer, FleetPlan, FleetQuestion } from './fleet.ts'
import { FLEET_AGENT, fleetSite, siteName } from './site-document.ts'
import { ThinAgent } from './thin-agent.ts'

const TIMEOUT_MS = 300_000
const ORDERS_WITHIN_MS = 60_000
/** Sites that are made at the same time. */
const MADE_AT_ONCE = 8

const agents: ThinAgent[] = []
let holding = false
let endedAt: number[] = []
/** When each order reached its agent. */
const received = new Map<string, number>()

process.on('message', (question: FleetQuestion) => void answer(question))
process.on('disconnect', () => process.exit(0))

async function answer(question: FleetQuestion): Promise<void> {
  const startedAt = nodeClock.now()
  try {
    await act(question)
    process.send?.(look(startedAt, question))
  } catch (error) {
    const fault = error instanceof Error ? error.message : String(error)
    process.send?.({ ...look(startedAt, question), fault })
  }
}

async function act(question: FleetQuestion): Promise<void> {
  switch (question.ask) {
    case 'prepare':
      return await prepare(question.plan)
    case 'connect':
      for (const agent of agents) agent.connect()
      return await allWelcomed()
    case 'cut':
      for (const agent of agents) agent.cut()
      return await allWelcomed()
    case 'settle':
      return await until('every agent is settled', TIMEOUT_MS, () =>
        agents.every(({ isSettled }) => isSettled),
      )
    case 'hold':
      holding = true
      return
    case 'climb':
      return await climb()
    case 'orders':
      return await until('every order is received', ORDERS_WITHIN_MS, () =>
        question.orders.every((order) => received.has(order)),
      )
    case 'look':
  }
}

function look(startedAt: number, question: FleetQuestion): FleetAnswer {
  const asked = question.ask === 'orders' ? question.orders : []
  const sum = (of: (agent: ThinAgent) => number) =>
    agents.reduce((total, agent) => total + of(agent), 0)
  return {
    startedAt,
    welcomedAt: agents.flatMap(({ welcomedAt }) => welcomedAt ?? []),
    endedAt,
    receivedAt: asked.flatMap((order) => received.get(order) ?? []),
    dials: sum(({ dials }) => dials),
    pings: sum(({ pings }) => pings),
    pongs: sum(({ pongs }) => pongs),
  }
}

function allWelcomed(): Promise<void> {
  return until('every agent is welcomed', TIMEOUT_MS, () =>
    agents.every(({ welcomedAt }) => welcomedAt !== undefined),
  )
}

async function climb(): Promise<void> {
  holding = false
  endedAt = []
  for (const agent of agents) agent.climb()
  await until('every ladder is stored', TIMEOUT_MS, () => endedAt.length >= agents.length)
}

async function prepare(plan: FleetPlan): Promise<void> {
  const pool = new Pool(plan.url, { connections: MADE_AT_ONCE })
  const names = Array.from({ length: plan.sites }, (_, index) => siteName(index))
  const makers = Array.from({ length: MADE_AT_ONCE }, async () => {
    for (let site = names.shift(); site !== undefined; site = names.shift()) {
      agents.push(await makeSite(pool, plan, site))
    }
  })
  await Promise.all(makers)
  await pool.close()
}

/** Enrols as an agent does, and applies as an administrator does. */
async function makeSite(pool: Pool, plan: FleetPlan, site: string): Promise<ThinAgent> {
  const { url, adminToken, servers } = plan
  const ask = async (method: 'POST' | 'PUT', path: string, body: object, token?: string) => {
    const response = await pool.request({
      method,
      path,
      body: JSON.stringify(body),
      headers: {
        'content-type': 'application/json',
        'idempotency-key': crypto.randomUUID(),
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
    })
    const text = await response.body.text()
    if (response.statusCode >= 300) throw new Error(`${method} ${path}: ${text.slice(0, 500)}`)
    return JSON.parse(text)
  }
  const offer = { name: FLEET_AGENT }
  const { token } = await ask('POST', `/v1/sites/${site}/enrolments`, offer, adminToken)
  const signing = await generateSigningJwk()
  const siteKey = publicSealingJwk(await generateSealingJwk())
  const keys = {
    signKey: publicSigningJwk(signing),
    sealKey: publicSealingJwk(await generateSealingJwk()),
    siteKey,
  }
  const request = { token, name: FLEET_AGENT, ...keys, version: 'fleet' }
  const enrolled: { controlPlaneKeys: unknown[] } = await ask('POST', '/v1/agents/enroll', request)
  await ask('PUT', `/v1/sites/${site}`, await fleetSite(site, servers, siteKey), adminToken)
  return new ThinAgent({
    url,
    site,
    servers,
    key: await importSigningKey(signing),
    controlPlaneKeys: await Promise.all(enrolled.controlPlaneKeys.map(importVerifyingKey)),
    holdsLadders: () => holding,
    onOrder: (order, at) => received.set(order, at),
    onEnded: () => endedAt.push(nodeClock.now()),
  })
}
