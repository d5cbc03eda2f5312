import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, expect, test } from 'vitest'
import { openUdpRelay, PASS, type Rule } from './udp-relay.ts'

const closing: (() => void)[] = []
afterEach(() => {
  for (const close of closing.splice(0)) close()
})

/** What an echo server's replies look like through a relay with this rule. */
async function echoed(rule: Rule, sent: string[]): Promise<string[]> {
  const server = createSocket('udp4').bind(0, '127.0.0.1')
  await once(server, 'listening')
  server.on('message', (datagram, from) => server.send(datagram, from.port, from.address))
  const relay = await openUdpRelay({ address: '127.0.0.1', port: server.address().port })
  relay.rule = rule
  const client = createSocket('udp4')
  closing.push(
    () => server.close(),
    () => client.close(),
    () => relay.close(),
  )
  const received: string[] = []
  client.on('message', (datagram) => received.push(datagram.toString()))
  for (const text of sent) client.send(text, relay.port, '127.0.0.1')
  await sleep(100)
  expect(relay.seen('request')).toBe(sent.length)
  return received
}

test('passes, drops, doubles and reorders as its rule says', async () => {
  expect(await echoed(PASS, ['a', 'b', 'c'])).toEqual(['a', 'b', 'c'])
  const drop: Rule = ({ direction, ordinal }) =>
    direction === 'request' && ordinal === 2 ? [] : [0]
  expect(await echoed(drop, ['a', 'b', 'c'])).toEqual(['a', 'c'])
  const double: Rule = ({ direction }) => (direction === 'reply' ? [0, 0] : [0])
  expect(await echoed(double, ['a'])).toEqual(['a', 'a'])
  const reorder: Rule = ({ datagram }) => (datagram.toString() === 'a' ? [20] : [0])
  expect(await echoed(reorder, ['a', 'b'])).toEqual(['b', 'a'])
})
