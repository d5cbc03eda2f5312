// Site documents that come while a reset is open: it ends with the devices that it was accepted for, and what
// changed is in force afterwards (spec domain.md §8).
import { expect, test } from 'vitest'
import type { Machine, SiteFile } from '../lab-machines.ts'
import { SiteOnLab } from '../site-on-lab.ts'
import { Scene } from '../stage.ts'

const NO_KDUMP: Machine['kdump'] = { enabled: false }

async function withPair(
  traits: Partial<Machine>,
  play: (lab: SiteOnLab, a: Scene, b: Scene) => Promise<void>,
): Promise<void> {
  const machines = ['A', 'B'].map((name) => ({ ...traits, name, cluster: name }))
  const lab = await SiteOnLab.open(machines)
  try {
    await play(lab, new Scene(lab, 'A'), new Scene(lab, 'B'))
  } finally {
    await lab.close()
  }
}

function swapBmcs({ spec }: SiteFile): void {
  const [a, b] = spec.servers
  ;[a.bmc, b.bmc] = [b.bmc, a.bmc]
}

function removePdus({ spec }: SiteFile): void {
  spec.pdus = []
  for (const server of spec.servers) {
    for (const field of ['feeds', 'pduControl', 'hardResetTimeoutS', 'pduRecoveryWaitS']) {
      delete server[field]
    }
  }
}

function removeA({ spec }: SiteFile): void {
  for (const list of ['servers', 'clusters']) {
    spec[list] = spec[list].filter(({ name }: { name: string }) => name !== 'A')
  }
}

test.concurrent('BMCs that change hands meanwhile: the planned one is reset, the other next time', () =>
  withPair({ feeds: 0, kdump: NO_KDUMP }, async (lab, a, b) => {
    const order = await a.order()
    await lab.until('the interrupt came', 2000, () => a.model.bmc.executed.nmi === 1)
    await lab.apply(swapBmcs)
    expect(await a.ended(order)).toMatchObject({ result: 'REBOOT', fenced: true })
    expect(a.did()).toEqual(['nmi', 'reset'])
    expect(b.did()).toEqual([])
    await lab.until('the change is in force', 5000, async () => {
      const configured = (await lab.records()).filter((record) => record.kind === 'configured')
      return configured.length === 3 && configured.at(-1)?.detail === ''
    })
    const next = await lab.order({ server: 'A', mode: 'hard' })
    await lab.until('the next reset has ended', 20_000, async () => {
      return (await lab.view(next)).endedAt !== null
    })
    expect(b.did()).toEqual(['reset'])
  }))

test.concurrent('PDUs that are removed during the recovery wait: what was cut comes back', () =>
  withPair({ feeds: 2 }, async (lab, a) => {
    const order = await a.order({ mode: 'pdu' })
    const feeds = [a.feed(0), a.feed(1)]
    await a.decided(order)
    await lab.apply(removePdus)
    await lab.until('it has ended', 30_000, async () => (await lab.view(order)).endedAt !== null)
    expect(await lab.view(order)).toMatchObject({ result: 'POFF', recovery: 'restored' })
    for (const { pdu, outlet } of feeds) expect(pdu.live(outlet)).toBe(true)
  }))

test.concurrent('a server that is removed meanwhile: its reset runs to its end', () =>
  withPair({ feeds: 0, kdump: NO_KDUMP }, async (lab, a) => {
    const order = await a.order()
    await lab.until('the interrupt came', 2000, () => a.model.bmc.executed.nmi === 1)
    await lab.apply(removeA)
    await lab.until('it has ended', 30_000, async () => (await lab.view(order)).endedAt !== null)
    expect(await lab.view(order)).toMatchObject({ result: 'REBOOT', fenced: true })
    expect(a.model.bmc.executed).toMatchObject({ nmi: 1, reset: 1 })
  }))

test.concurrent('a restart between change and end: another machine is neither shot at nor believed', () =>
  withPair({ feeds: 0, kdump: NO_KDUMP }, async (lab, a, b) => {
    const order = await a.order()
    await lab.until('the interrupt came', 2000, () => a.model.bmc.executed.nmi === 1)
    await lab.apply(swapBmcs)
    await lab.stopAgent()
    await lab.startAgent()
    await lab.until('it has ended', 30_000, async () => (await lab.view(order)).endedAt !== null)
    const view = await lab.view(order)
    expect(view).toMatchObject({ result: 'FAIL', fenced: false })
    expect(JSON.stringify(view.evidence)).toContain('is no longer the one at')
    expect(b.did()).toEqual([])
  }))
