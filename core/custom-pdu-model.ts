// The row of a PDU's model: one of the table, or the one that its site file describes itself.
import type { PduModel } from './pdu-model.ts'
import { SYS_DESCR } from './pdu-model.ts'
import { findPduModel } from './pdu-models.ts'
import type { CustomPduModel, Pdu } from './site.ts'

/** The `model` of a PDU that is described under `custom`. */
export const CUSTOM_MODEL = 'custom'

/** The row by which this PDU is switched and read; undefined when its model is unknown. */
export function findModelOf({
  model,
  custom,
}: Pick<Pdu, 'model' | 'custom'>): PduModel | undefined {
  if (model !== CUSTOM_MODEL) return findPduModel(model)
  return custom && customRow(custom)
}

function customRow(custom: CustomPduModel): PduModel {
  const { detect, outlets, control, status, pending, outletName, model, firmware } = custom
  return {
    name: CUSTOM_MODEL,
    title: 'Described in the site file',
    sysObjectIds: detect === undefined ? [] : [detect],
    columns: {
      ...control,
      status,
      ...(pending
        ? { conditions: [{ oid: pending.oid, values: pending.settled, meaning: 'settled' }] }
        : {}),
    },
    ...(outletName === undefined ? {} : { outletNameOid: outletName }),
    modelOid: model ?? SYS_DESCR,
    ...(firmware === undefined ? {} : { firmwareOid: firmware }),
    maxOutlets: outlets,
    tried: 'untried',
  }
}
