// The whole with a real agent on the lab's machines. What happened is asked of the machines; what is told must
// agree. One installation serves all, so that what came before is part of what each must bear.
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Closing } from '../e2e/programs.ts'
import { type Installation, startInstallation } from './installation.ts'
import { databaseTests } from './running/database.ts'
import { evictionTests } from './running/eviction.ts'
import { expiryTests, placeOrderForNobody, type WaitingOrder } from './running/expiry.ts'
import { ladderTests } from './running/ladders.ts'
import { outageTests } from './running/outages.ts'
import { twoEntriesTests } from './running/two-entries.ts'
import { LONG, onTarget, targetName } from './targets.ts'

const AWAY_MS = LONG ? 30_000 : 4000

onTarget('an installation', () => {
  const closing = new Closing()
  let all: Installation
  let waiting: WaitingOrder
  beforeAll(async () => {
    all = await startInstallation(closing)
    await all.lab.oracle.breakServer('PSERVER6', { noKdump: true })
    waiting = await placeOrderForNobody(all)
  }, 120_000)
  afterAll(() => closing.run())

  const on = () => all
  ladderTests(on)
  outageTests(on)
  // The embedded database is part of its process, and no second one may open it.
  if (targetName !== 'node-embedded') {
    databaseTests(on, AWAY_MS)
    twoEntriesTests(on)
  }
  // Node never puts a hub to sleep.
  if (targetName === 'workerd') evictionTests(on)
  expiryTests(on, () => waiting)

  test('proves all of it by an audit that verifies offline', async () => {
    const exported = await all.palisade(['audit', '--site', 'lab'])
    const proof = await all.palisade(['audit', 'verify', '-'], exported.stdout)
    expect(proof, proof.stdout + proof.stderr).toMatchObject({ code: 0 })
  })
})
