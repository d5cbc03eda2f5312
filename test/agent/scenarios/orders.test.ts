// Which orders run, and what becomes of the others: replay, forgery, the pair guard, effects still under way
// (spec domain.md §4, architecture.md decision 6 and "Never").
import { expect } from 'vitest'
import { generateSigningJwk, importSigningKey } from '../../../protocol/keys.ts'
import { signOrder } from '../../../protocol/order-token.ts'
import type { RecordOf } from '../../../protocol/report.ts'
import { nodeClock } from '../../../runtime/node.ts'
import { GUARDED_PAIR, openStage, type Scene, stepsOf } from '../stage.ts'

const scenario = openStage()

const NO_KDUMP = { kdump: { enabled: false } }

async function refusals({ lab }: Scene, code: string): Promise<RecordOf<'refused'>[]> {
  return (await lab.records()).filter(
    (record): record is RecordOf<'refused'> => record.kind === 'refused' && record.code === code,
  )
}

async function isSettled({ lab }: Scene, order: string): Promise<boolean> {
  const sent = new Set<number>()
  for (const record of await lab.recordsOf(order)) {
    if (record.kind === 'intent') sent.add(record.shot.id)
    if (record.kind === 'settled') sent.delete(record.shot)
    if (record.kind === 'answer' && record.answer !== 'lost') sent.delete(record.shot)
  }
  return sent.size === 0
}

scenario(
  'of two crossing requests of a guarded pair exactly one runs, and the other gets FAIL',
  { ...GUARDED_PAIR, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    const tokens = await Promise.all(
      [
        scene.lab.plan({ server: scene.name, requester: other.number }),
        scene.lab.plan({ server: other.name, requester: scene.number }),
      ].map(async (order) => ({ order, token: await scene.lab.sign(order) })),
    )
    await Promise.all(tokens.map(({ token }) => scene.lab.hand(token)))
    const views = await Promise.all(tokens.map(({ order }) => scene.lab.view(order.id)))
    const refused = views.filter(({ status }) => status === 'refused')
    const accepted = views.filter(({ status }) => status !== 'refused')
    expect(accepted).toHaveLength(1)
    expect(refused).toHaveLength(1)
    const [run] = accepted
    const spared = run?.server === scene.name ? other : scene
    const hit = run?.server === scene.name ? scene : other
    expect(refused[0]).toMatchObject({ server: spared.name, result: 'FAIL' })
    // Asking while being reset oneself is refused on its own account; with or without it the guard holds.
    expect(['pair-guard', 'requester-being-reset']).toContain(refused[0]?.code)
    expect(await hit.ended(run?.id ?? '')).toMatchObject({ result: 'REBOOT' })
    expect(hit.did()).toEqual(['nmi', 'reset'])
    expect(spared.did()).toEqual([])
    expect(spared.os.state).toBe('running')

    // An operator has no server of his own: the guard alone stands in the way, and still does afterwards.
    const later = await spared.order()
    expect(await scene.lab.view(later)).toMatchObject({
      status: 'refused',
      result: 'FAIL',
      code: 'pair-guard',
    })
    const lines = await spared.log(later)
    expect(lines).toEqual([
      `RM-RESET ${spared.name} ${spared.number} RECV ---- ---- ---- ---- ----`,
      `RM-RESET ${spared.name} ${spared.number} SEND ---- ---- ---- ---- FAIL`,
    ])
    expect(spared.did()).toEqual([])
  },
)

scenario(
  'an operator crossing with the pair meets the guard itself',
  { ...GUARDED_PAIR, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    const [first, second] = [
      scene.lab.plan({ server: scene.name }),
      scene.lab.plan({ server: other.name }),
    ]
    const tokens = await Promise.all([first, second].map((order) => scene.lab.sign(order)))
    await Promise.all(tokens.map((token) => scene.lab.hand(token)))
    const views = await Promise.all([first, second].map(({ id }) => scene.lab.view(id)))
    expect(views.filter(({ code }) => code === 'pair-guard')).toHaveLength(1)
    expect(views.filter(({ code }) => code === null)).toHaveLength(1)
    const did = [...scene.did(), ...other.did()]
    expect(did.filter((what) => what === 'nmi').length).toBeLessThanOrEqual(1)
  },
)

scenario('the same order twice, and at once, is one ladder', NO_KDUMP, async (scene) => {
  const order = scene.lab.plan({ server: scene.name, key: `twice-${scene.name}` })
  const token = await scene.lab.sign(order)
  await Promise.all([scene.lab.hand(token), scene.lab.hand(token)])
  // The same key signed anew is the same order too.
  const again = scene.lab.plan({ server: scene.name, key: `twice-${scene.name}` })
  expect(again.id).toBe(order.id)
  await scene.lab.hand(await scene.lab.sign(again))
  expect(await scene.ended(order.id)).toMatchObject({ result: 'REBOOT' })
  await scene.lab.hand(token)
  const records = await scene.lab.recordsOf(order.id)
  expect(records.filter(({ kind }) => kind === 'accepted')).toHaveLength(1)
  expect(records.filter(({ kind }) => kind === 'refused')).toHaveLength(0)
  expect(scene.lab.journalled.filter((id) => id === order.id)).toHaveLength(4)
  expect(scene.did()).toEqual(['nmi', 'reset'])
})

scenario(
  'a second key for a server under reset is refused with the first',
  NO_KDUMP,
  async (scene) => {
    const first = await scene.order()
    const second = await scene.lab.view(await scene.order())
    expect(second).toMatchObject({ status: 'refused', result: 'FAIL', code: 'reset-already-open' })
    expect(await scene.ended(first)).toMatchObject({ result: 'REBOOT' })
    expect(scene.did()).toEqual(['nmi', 'reset'])
  },
)

scenario('an expired order is recorded as refused, and nothing is done', {}, async (scene) => {
  const order = scene.lab.plan({ server: scene.name, expiresInMs: 1000 })
  await scene.lab.hand(await scene.lab.sign(order), nodeClock.wallMs() + 2000)
  expect(await scene.lab.view(order.id)).toMatchObject({
    status: 'refused',
    code: 'expired',
    result: null,
    steps: [{ kind: 'RM-RESET' }, { kind: 'RM-RESET' }],
  })
  expect(scene.did()).toEqual([])
})

scenario(
  'a stranger’s signature is recorded under no order, and nothing is done',
  {},
  async (scene) => {
    const stranger = await importSigningKey(await generateSigningJwk())
    const order = scene.lab.plan({ server: scene.name })
    await scene.lab.hand(await signOrder(order, stranger))
    const [refused] = await refusals(scene, 'bad-signature')
    expect(refused).toMatchObject({ order: null, result: null, token: null })
    expect(await scene.lab.recordsOf(order.id)).toEqual([])
    expect(scene.did()).toEqual([])
  },
)

scenario(
  'an order for another site is recorded under no order, and nothing is done',
  {},
  async (scene) => {
    const order = { ...scene.lab.plan({ server: scene.name }), site: 'elsewhere' }
    await scene.lab.hand(await scene.lab.sign(order))
    const [refused] = await refusals(scene, 'wrong-audience')
    expect(refused).toMatchObject({ order: null, result: null, token: null })
    expect(await scene.lab.recordsOf(order.id)).toEqual([])
    expect(scene.did()).toEqual([])
  },
)

scenario('what is no token at all is recorded, and nothing is done', {}, async (scene) => {
  await scene.lab.hand('not.a.token')
  expect(await refusals(scene, 'malformed')).toMatchObject([{ order: null, token: null }])
})

scenario('an order from before the watermark is a replay', { alone: true }, async (scene) => {
  const order = scene.lab.plan({ server: scene.name })
  scene.lab.journal.memory.watermarkMs = order.issuedAtMs + 1
  await scene.lab.hand(await scene.lab.sign(order))
  const [refused] = await refusals(scene, 'replayed')
  expect(refused).toMatchObject({ order: null, result: null })
  expect(refused?.detail).toContain(order.id)
  expect(scene.did()).toEqual([])
})

scenario(
  'an order planned from other settings than the agent holds is refused',
  {},
  async (scene) => {
    const order = scene.lab.plan({ server: scene.name })
    order.plan.holdUpMs += 1
    await scene.lab.hand(await scene.lab.sign(order))
    expect(await scene.lab.view(order.id)).toMatchObject({ code: 'plan-changed', result: 'FAIL' })
    expect(scene.did()).toEqual([])
  },
)

scenario(
  'a reset ends a restore of the same server at once',
  { ...NO_KDUMP, site: { pduRecoveryWaitS: 0 } },
  async (scene) => {
    expect(await scene.ended(await scene.order({ mode: 'pdu' }))).toMatchObject({
      recovery: 'held',
    })
    // One outlet does not come back, so the restore stays open.
    const { pdu, outlet } = scene.feed(1)
    pdu.setOutletFaults(outlet, { stuck: true })
    const restore = await scene.lab.restore(scene.name)
    await scene.lab.until('the other came back', 3000, () => scene.did().includes('pdu-a on'))
    const reset = await scene.order({ mode: 'pdu' })
    expect(await scene.lab.operation(restore)).toMatchObject({ status: 'aborted' })
    expect(await scene.ended(reset)).toMatchObject({ result: 'POFF', recovery: 'held' })
    expect(scene.model.railVolts).toBe(0)
  },
)

scenario('no restore touches the feeds of a server under reset', NO_KDUMP, async (scene) => {
  const reset = await scene.order({ mode: 'pdu' })
  expect(await scene.decided(reset)).toMatchObject({ result: 'POFF' })
  const restore = await scene.lab.operation(await scene.lab.restore(scene.name))
  expect(restore).toMatchObject({ status: 'failed', steps: [] })
  expect(restore.detail).toMatch(/a reset of \S+ is in progress/)
  expect(scene.did()).toEqual(['pdu-a off', 'pdu-b off'])
  expect(await scene.ended(reset)).toMatchObject({ recovery: 'restored' })
})

scenario(
  'while an effect may still hit a server its guarded partner is not reset; a late answer shows it did',
  { feeds: 0, site: { pairGuard: true }, partner: {}, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    const { bootId } = scene.os
    scene.model.setFaults({ hang: true })
    const order = await scene.order()
    expect(await scene.ended(order)).toMatchObject({ result: 'FAIL', grade: 'unknown' })
    expect(await isSettled(scene, order)).toBe(false)
    const early = await scene.lab.view(await other.order())
    expect(early).toMatchObject({ status: 'refused', result: 'FAIL', code: 'pair-guard' })
    expect(early.detail).toContain('may still be hit')

    scene.model.setFaults({ hang: false })
    await scene.lab.until('the queued reset is done', 5000, () => scene.did().includes('reset'))
    await scene.lab.until('nothing is loose any more', 10_000, () => isSettled(scene, order))
    await scene.boots(bootId)
    expect(scene.did()).toEqual(['nmi', 'reset'])
    expect(stepsOf(await scene.lab.view(order)).filter((step) => / RECV/.test(step))).toContain(
      'HARDRESET reset RECV',
    )
    // It was stopped by us after all, just now: resetting the partner would stop both.
    const late = await scene.lab.view(await other.order())
    expect(late).toMatchObject({ status: 'refused', code: 'pair-guard' })
    expect(late.detail).toContain('was stopped')
    expect(other.did()).toEqual([])
    expect(other.os.state).toBe('running')
  },
)

scenario(
  'an effect that its BMC dropped is settled by a later answer of that BMC',
  { feeds: 0, site: { pairGuard: true }, partner: {}, ...NO_KDUMP },
  async (scene) => {
    const other = scene.partner()
    scene.model.setFaults({ hang: true })
    const order = await scene.order()
    expect(await scene.ended(order)).toMatchObject({ result: 'FAIL', grade: 'unknown' })
    expect((await scene.lab.view(await other.order())).detail).toContain('may still be hit')
    scene.model.bmc.restart()
    scene.model.setFaults({ hang: false })
    await scene.lab.until('nothing is loose any more', 20_000, () => isSettled(scene, order))
    const records = await scene.lab.recordsOf(order)
    expect(records.filter(({ kind }) => kind === 'settled').length).toBeGreaterThan(0)
    expect(scene.did()).toEqual([])
    // Nobody can tell whether it was handled before: the guard holds as after a reset that was.
    expect((await scene.lab.view(await other.order())).detail).toContain('was stopped')
    expect([scene, other].map(({ os }) => os.state)).toEqual(['running', 'running'])
  },
)

scenario(
  'a server with an effect under way is reset again by off alone',
  { feeds: 0, ...NO_KDUMP },
  async (scene) => {
    scene.model.setFaults({ hang: true })
    const first = await scene.order()
    expect(await scene.ended(first)).toMatchObject({ result: 'FAIL' })
    const second = await scene.order()
    await scene.lab.until('the second has opened', 2000, async () =>
      (await scene.lab.recordsOf(second)).some(({ kind }) => kind === 'intent'),
    )
    scene.model.setFaults({ hang: false })
    const view = await scene.ended(second)
    expect(view).toMatchObject({ result: 'POFF', grade: 'confirmed', recovery: 'restored' })
    const effects = stepsOf(view).filter((step) => / SEND/.test(step) && !/^RM-RESET/.test(step))
    expect(effects.filter((step) => !/^HARDRESET (off|on) /.test(step))).toEqual([])
    expect(scene.did().filter((what) => what === 'nmi' || what === 'reset')).toEqual([
      'nmi',
      'reset',
    ])
  },
)
