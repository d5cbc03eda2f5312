import { expect, test } from 'vitest'
import { identify, refuseIdentity, SYS_OBJECT_ID } from '../../../../agent/drivers/snmp/identify.ts'
import type { Got, Value } from '../../../../agent/drivers/snmp/session.ts'
import type { PduModel } from '../../../../core/pdu-model.ts'
import { findPduModel } from '../../../../core/pdu-models.ts'

const IBM = '1.3.6.1.4.1.2.6.223'
const SYS_DESCR = '1.3.6.1.2.1.1.1.0'

function getModel(name: string): PduModel {
  const model = findPduModel(name)
  if (!model) throw new Error(`no row ${name}`)
  return model
}

/** A device that tells these values and has no other. */
const device =
  (values: Record<string, Value>) =>
  async (oids: string[]): Promise<Got> => ({
    kind: 'values',
    values: oids.map((oid) => values[oid]),
  })

const always = (got: Got) => async () => got

test('a matching device is told with its model, firmware and columns', async () => {
  const get = device({
    [SYS_OBJECT_ID]: `${IBM}.1`,
    [SYS_DESCR]: 'IBM DPI',
    [`${IBM}.7.3.0`]: 'OPDP_sLEN_v02',
  })
  const found = await identify(get, getModel('ibm-ipdu'), 100)
  expect(found).toMatchObject({
    device: { sysObjectId: `${IBM}.1`, model: 'IBM DPI', firmware: 'OPDP_sLEN_v02' },
  })
  expect('device' in found && found.device.columns.off.oid).toBe(`${IBM}.8.2.2.1.13.{n}`)
})

test('an iPDU that hides its firmware is not switched: its columns would be a guess', async () => {
  const get = device({ [SYS_OBJECT_ID]: IBM, [SYS_DESCR]: 'IBM DPI' })
  const found = await identify(get, getModel('ibm-ipdu'), 100)
  expect(found).toMatchObject({ permanent: false, silent: false })
  expect('problem' in found && found.problem).toContain(`${IBM}.7.3.0`)
})

test('a device without model and firmware texts is usable where they decide nothing', async () => {
  const get = device({ [SYS_OBJECT_ID]: '1.3.6.1.4.1.318.1.3.4.6' })
  const found = await identify(get, getModel('apc-rpdu2'), 100)
  expect(found).toMatchObject({ device: { model: undefined, firmware: undefined } })
})

test.each([
  [
    { kind: 'silent', detail: 'no answer in time' },
    { silent: true, permanent: false },
  ],
  [
    { kind: 'denied', detail: 'refused' },
    { silent: false, permanent: true },
  ],
  [
    { kind: 'error', status: 'noSuchName' },
    { silent: false, permanent: false },
  ],
  [
    { kind: 'values', values: [undefined] },
    { silent: false, permanent: false },
  ],
  [
    { kind: 'values', values: [7] },
    { silent: false, permanent: false },
  ],
  [
    { kind: 'values', values: [] },
    { silent: false, permanent: false },
  ],
] as [Got, object][])(
  '%j to the first question is a problem, never an identity',
  async (got, problem) => {
    const found = await identify(always(got), getModel('apc-rpdu'), 100)
    expect(found).toMatchObject(problem)
    expect(found).not.toHaveProperty('device')
  },
)

test.each([
  ['1.3.6.1.4.1.8072.3.2.10', 'no known model'],
  ['1.3.6.1.4.1.318.1.3.4.6', 'apc-rpdu2'],
  ['1.3.6.1.4.1.318.1.3.4.55', 'no known model'],
])('sysObjectID %s on an apc-rpdu is refused, named as %s', (sysObjectId, family) => {
  const refusal = refuseIdentity(getModel('apc-rpdu'), sysObjectId)
  expect(refusal).toContain('apc-rpdu has sysObjectID 1.3.6.1.4.1.318.1.3.4.5')
  expect(refusal).toContain(`${sysObjectId} (${family})`)
})

test('a closer family wins over a prefix that also fits', () => {
  expect(refuseIdentity(getModel('tripp-lite'), '1.3.6.1.4.1.850.1.1.1')).toContain('tripp-lite-lx')
  expect(refuseIdentity(getModel('tripp-lite'), '1.3.6.1.4.1.850.1.7')).toBeUndefined()
})
