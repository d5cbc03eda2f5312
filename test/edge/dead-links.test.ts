// Links whose other end has gone without a word: a cut network, a paused machine, a stranger that only sends.
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { createAdaptorServer, type WebSocketServerLike } from '@hono/node-server'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { LINK_PATH } from '../../protocol/link.ts'
import { VirtualClock } from '../lab/virtual-clock.ts'
import { findPostgres } from '../postgres.ts'
import { startTestPlane, type TestPlane, until } from './control-plane.ts'
import { ownApp } from './own-app.ts'
import { siteFile } from './site.ts'
import { TestAgent } from './test-agent.ts'

/** Notes every delay that was asked for. */
class NotingClock extends VirtualClock {
  readonly delays: number[] = []

  override after(delayMs: number, callback: () => void) {
    this.delays.push(delayMs)
    return super.after(delayMs, callback)
  }
}

describe.skipIf(findPostgres() === undefined)('a link whose other end has gone', () => {
  let plane: TestPlane
  beforeAll(async () => {
    plane = await startTestPlane()
  }, 60_000)
  afterAll(() => plane.stop())

  test('keeps no order from the link that replaces it, nor shows the agent as connected', async () => {
    const site = 'dead'
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    const dead = await TestAgent.enrolled(plane, site, 'HACON1')
    await dead.connect()
    await dead.next('site')
    dead.stall()
    const back = new TestAgent(plane, dead, dead.keys)
    await back.connect({ revision: 1 })
    const body = { site, target: { server: 'PSERVER1' }, reason: 'x' }
    await plane.ask('/v1/resets', { method: 'POST', body })
    expect((await back.takeOrder()).order.kind).toBe('reset')
    back.hangUp()
    const shown = async () => (await plane.ask(`/v1/sites/${site}/agents`)).body.items[0]
    await until('disconnected', async () => (await shown()).connected === false)
    dead.hangUp()
  })

  test('is closed once and costs nothing until then', async () => {
    const site = 'quiet'
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    const clock = new NotingClock()
    const hub = await startHub(plane.databaseUrl, clock)
    const stranger = new WebSocket(`${hub.url}${LINK_PATH}?site=${site}`)
    try {
      await until('open', () => stranger.readyState === WebSocket.OPEN)
      await until('an alarm for the hello', () => clock.delays.includes(10_000))
      stranger.pause()
      clock.delays.length = 0
      clock.advance(10_000)
      // Time stands still: whatever is due now rings at once, over and over.
      for (let looks = 0; looks < 20; looks += 1) {
        await new Promise((resolve) => setTimeout(resolve, 20))
        clock.advance(0)
      }
      expect(clock.delays).toEqual([])
    } finally {
      stranger.terminate()
      await hub.stop()
    }
  })

  test('that never reads is given up before what it was sent fills the memory', async () => {
    const site = 'unread'
    await plane.ask(`/v1/sites/${site}`, { method: 'PUT', body: siteFile(site) })
    const agent = await TestAgent.enrolled(plane, site, 'HACON1')
    await agent.connect()
    agent.stall()
    const pings = Array.from({ length: 20_000 }, () => '{"type":"ping"}')
    const connected = async () =>
      (await plane.ask(`/v1/sites/${site}/agents`)).body.items[0].connected as boolean
    let sent = 0
    for (; sent < 100 && (await connected()); sent += 1) for (const ping of pings) agent.send(ping)
    expect(await connected()).toBe(false)
    agent.hangUp()
  })
})

async function startHub(databaseUrl: string, clock: VirtualClock) {
  const own = await ownApp(databaseUrl, clock)
  const webSockets = new WebSocketServer({ noServer: true })
  const server = createAdaptorServer({
    fetch: own.app.fetch,
    overrideGlobalObjects: false,
    websocket: { server: webSockets as WebSocketServerLike },
  }) as Server
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `ws://127.0.0.1:${port}`,
    async stop() {
      for (const socket of webSockets.clients) socket.terminate()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
      await own.stop()
    },
  }
}
