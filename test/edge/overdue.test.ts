import { expect, test } from 'vitest'
import { findOperation } from '../../db/operations.ts'
import { CLOSE } from '../../edge/hub.ts'
import { operationOf } from '../../edge/views.ts'
import { describeOnPostgres } from '../db/both.ts'
import { enrolled, ordersSaid, START_MS, scene } from './hub-scene.ts'
import { hardResetBodies } from './test-agent.ts'

describeOnPostgres('orders of which nothing is heard', (database) => {
  test('never sent and expired: failed at its expiry and not before, and the place is free', async () => {
    const at = await scene(database().db, 'expiry')
    const { id } = await at.reset('k1')
    expect(at.alarmMs()).toBe(START_MS + 60_000)
    at.afterMs(59_999)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'accepted', endedAt: null })
    at.afterMs(60_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({
      status: 'failed',
      result: 'FAIL',
      fenced: false,
      code: 'order-expired',
      endedAt: '2026-01-01T00:01:00.000000Z',
    })
    expect(at.alarmMs()).toBeUndefined()
    expect(await at.reset('k1')).toMatchObject({ id, status: 'failed' })
    expect(await at.reset('k2')).toMatchObject({ status: 'accepted' })
  })

  test('an expired order is not sent to an agent that connects too late', async () => {
    const at = await scene(database().db, 'late')
    const agent = await enrolled(at, 'late', 'HACON1')
    const { id } = await at.reset('k1')
    at.afterMs(60_000)
    await agent.connect('1')
    expect(ordersSaid(at, '1')).toEqual([])
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'failed' })
  })

  test('sent and overdue with its agent gone: unknown, no end, until the agent tells', async () => {
    const at = await scene(database().db, 'gone')
    const agent = await enrolled(at, 'gone', 'HACON1')
    await agent.connect('1')
    const { id } = await at.reset('k1')
    const [sent] = ordersSaid(at, '1')
    if (sent?.order.kind !== 'reset') throw new Error('not sent')
    at.links.clear()
    at.afterMs(60_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'accepted' })
    at.afterMs(300_000)
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({
      status: 'unknown',
      result: null,
      fenced: false,
      endedAt: null,
      code: 'agent-not-heard',
    })
    expect(await at.reset('k1')).toMatchObject({ id, status: 'unknown' })
    await expect(at.reset('k2', 'PSERVER2')).rejects.toMatchObject({ code: 'pair-guard' })
    await agent.connect('2')
    expect(ordersSaid(at, '2').map(({ order }) => order.id)).toEqual([id])
    await agent.tell('2', 0, ...hardResetBodies(sent.order, sent.token))
    expect(await at.find(id)).toMatchObject({ status: 'complete', result: 'REBOOT', code: null })
  })

  test('a reset of unknown outcome does not keep its target from being reset again', async () => {
    const at = await scene(database().db, 'again')
    const agent = await enrolled(at, 'again', 'HACON1')
    await agent.connect('1')
    await at.reset('k1')
    at.links.clear()
    at.afterMs(300_000)
    await at.hub.alarmed()
    expect(await at.reset('k2')).toMatchObject({ status: 'accepted' })
    await expect(at.reset('k3')).rejects.toMatchObject({ code: 'reset-already-open' })
  })

  test('overdue with its agent heard and not taken: unknown, and the place is free', async () => {
    const at = await scene(database().db, 'untaken')
    const agent = await enrolled(at, 'untaken', 'HACON1')
    await agent.connect('1')
    const { id } = await at.reset('k1')
    at.afterMs(300_000)
    at.hear('1')
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'unknown', code: 'order-not-taken' })
    expect(await at.reset('k2')).toMatchObject({ status: 'accepted' })
  })

  test('overdue with its agent heard: left alone, and looked at again', async () => {
    const at = await scene(database().db, 'slow')
    const agent = await enrolled(at, 'slow', 'HACON1')
    await agent.connect('1')
    const { id } = await at.reset('k1')
    await at.hub.message('1', JSON.stringify({ type: 'journalled', order: id }))
    at.afterMs(300_000)
    at.hear('1')
    await at.hub.alarmed()
    expect(await at.find(id)).toMatchObject({ status: 'accepted' })
    expect(at.alarmMs()).toBe(START_MS + 310_000)
  })

  test('a restore that is never sent fails at its expiry', async () => {
    const at = await scene(database().db, 'restore')
    const { id } = await at.restore('k1')
    at.afterMs(60_000)
    await at.hub.alarmed()
    const row = await findOperation(database().db, id)
    expect(row && operationOf(row)).toMatchObject({
      status: 'failed',
      endedAt: '2026-01-01T00:01:00.000000Z',
    })
  })

  test('who says no hello, or nothing any more, is cut off at its time', async () => {
    const at = await scene(database().db, 'silent')
    const agent = await enrolled(at, 'silent', 'HACON1')
    await at.hub.opened('stranger')
    await agent.connect('1')
    at.afterMs(9_999)
    await at.hub.alarmed()
    expect(at.closed.size).toBe(0)
    at.afterMs(10_000)
    await at.hub.alarmed()
    expect(at.closed).toEqual(new Map([['stranger', CLOSE.silent]]))
    at.hear('1')
    at.afterMs(39_999)
    await at.hub.alarmed()
    expect(at.closed.has('1')).toBe(false)
    at.afterMs(40_000)
    await at.hub.alarmed()
    expect(at.closed.get('1')).toBe(CLOSE.silent)
  })

  test('orders go to the highest epoch, and open ones follow to a new active', async () => {
    const at = await scene(database().db, 'epochs')
    const a = await enrolled(at, 'epochs', 'HACON1')
    const b = await enrolled(at, 'epochs', 'HACON2')
    await a.connect('a', 1)
    await b.connect('b', 0)
    const { id } = await at.reset('k1')
    expect(ordersSaid(at, 'a').map(({ order }) => order.id)).toEqual([id])
    expect(ordersSaid(at, 'b')).toEqual([])
    at.links.delete('a')
    await at.hub.dispatch()
    expect(ordersSaid(at, 'b')).toEqual([])
    await b.tell('b', 2, { kind: 'started', version: 'test', bootId: 'boot' })
    expect(ordersSaid(at, 'b').map(({ order }) => order.id)).toEqual([id])
  })
})
