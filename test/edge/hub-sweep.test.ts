// When a hub that sleeps is woken to look at its links.
import { expect, test } from 'vitest'
import type { HubPorts, Sockets } from '../../edge/hub-ports.ts'
import { nextSweepMs } from '../../edge/hub-sweep.ts'

const EVERY_MS = 300_000
const OPENED_MS = 1_700_000_000_000

function ports(site: string, heardAtMs: number, sweepEveryMs?: number): HubPorts {
  const state = { nonce: '', openedAtMs: OPENED_MS, agent: 'HACON1' }
  const sockets = {
    list: () => [{ id: '1', state }],
    heardAtMs: () => heardAtMs,
  } as unknown as Sockets
  return { site, sockets, ...(sweepEveryMs === undefined ? {} : { sweepEveryMs }) } as HubPorts
}

const sites = Array.from({ length: 500 }, (_, index) => `site${index}`)

test('a link is looked at once it could be silent, and one period later at the latest', () => {
  for (const site of sites) {
    const at = nextSweepMs(ports(site, OPENED_MS, EVERY_MS))
    expect(at).toBeGreaterThanOrEqual(OPENED_MS + 30_000)
    expect(at).toBeLessThan(OPENED_MS + 30_000 + EVERY_MS)
  }
})

test('the hubs of a fleet that connected together wake spread over the whole period', () => {
  const offsets = sites.map((site) => nextSweepMs(ports(site, OPENED_MS, EVERY_MS)) - OPENED_MS)
  const tenths = new Set(offsets.map((offset) => Math.floor(((offset - 30_000) * 10) / EVERY_MS)))
  expect(tenths.size).toBe(10)
})

test('a site keeps its moment from sweep to sweep, whatever was heard meanwhile', () => {
  const first = nextSweepMs(ports('tokyo1', OPENED_MS, EVERY_MS))
  const heardAtMs = first - 3000
  expect(nextSweepMs(ports('tokyo1', heardAtMs, EVERY_MS))).toBe(first + EVERY_MS)
})

test('without a period a link is looked at as soon as it could be silent', () => {
  expect(nextSweepMs(ports('tokyo1', OPENED_MS))).toBe(OPENED_MS + 30_000)
})
