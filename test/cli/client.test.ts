import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import { z } from 'zod'
import { Client } from '../../cli/client.ts'
import type { World } from '../../cli/world.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'

const world: World = {
  env: {},
  clock: nodeClock,
  random: nodeRandom,
  fetch,
  out() {},
  err() {},
  drained: async () => {},
  isTerminal: false,
  readText: async () => '',
  async *readLines() {},
  writePrivate: async () => {},
  onInterrupt: () => () => {},
}

const chunk = Buffer.alloc(65_536, 'x')
let sent = 0
const server = createServer((_request, response) => {
  response.writeHead(404, { 'content-type': 'application/problem+json' })
  const more = () => {
    while (response.write(chunk)) sent += chunk.length
  }
  response.on('drain', more)
  more()
})
afterEach(() => {
  server.closeAllConnections()
  server.close()
})

test('a refusal without end is cut off, and is a refusal', async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  const client = new Client(world, `http://127.0.0.1:${port}`, 'pal_x')
  await expect(client.get('/v1/sites', z.unknown())).rejects.toThrow('HTTP 404')
  expect(sent).toBeLessThan(64_000_000)
})
