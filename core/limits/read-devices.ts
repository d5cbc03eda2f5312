// Reads PDUs, BMC and hypervisor settings and feeds from their raw form (spec domain.md §2, api.md "Site file").
import { CUSTOM_MODEL } from '../custom-pdu-model.ts'
import type { BmcSettings, Feed, Hypervisor, Pdu, SnmpSettings } from '../site.ts'
import {
  BMC_PORT_DEFAULT,
  ESXI_ACCOUNT_MAX,
  ESXI_PORT_DEFAULT,
  IPMI_ACCOUNT_MAX,
  OUTLET_NAME_CHARACTERS_MAX,
  OUTLET_NUMBER,
  PDU_PLACE,
  SNMP_PORT_DEFAULT,
  SNMP_USER_MAX,
} from './bounds.ts'
import { Fields, present } from './fields.ts'
import { readCustomModel } from './read-custom-model.ts'

const BMC_FIELDS = ['protocol', 'address', 'port', 'username', 'password', 'kg']
const HYPERVISOR_FIELDS = ['type', 'address', 'port', 'username', 'password', 'guestReset']
export const PDU_FIELDS = [
  'name',
  'renamedFrom',
  'address',
  'port',
  'model',
  'custom',
  'unit',
  'branch',
  'snmp',
]
const SNMP_FIELDS = ['version', 'community', 'user', 'level', 'auth', 'priv']
const OUTLET_NAME_ALLOWED = `1 to ${OUTLET_NAME_CHARACTERS_MAX} printable ASCII characters, no space at either end`
const LEVELS = ['noAuthNoPriv', 'authNoPriv', 'authPriv'] as const
const AUTH_PROTOCOLS = ['md5', 'sha', 'sha224', 'sha256', 'sha384', 'sha512'] as const
const PRIV_PROTOCOLS = ['des', 'aes', 'aes256b', 'aes256r'] as const

type SnmpV3 = Extract<SnmpSettings, { version: '3' }>
type Auth = NonNullable<SnmpV3['auth']>
type Priv = NonNullable<SnmpV3['priv']>

/** An account name in printable ASCII; `max` is the cap of the protocol that carries it. */
function account(fields: Fields, field: string, max: number, kept: string | undefined): string {
  const right = (text: string) => text.length <= max && /^[\x20-\x7e]+$/.test(text)
  return fields.text(field, `1 to ${max} printable ASCII characters`, right, kept)
}

export function readBmc(owner: Fields, previous: BmcSettings | undefined): BmcSettings {
  return owner.object('bmc', BMC_FIELDS, (bmc) => ({
    protocol: bmc.choice('protocol', ['ipmi'], previous?.protocol),
    address: bmc.address('address', previous?.address),
    port: bmc.port('port', previous?.port ?? BMC_PORT_DEFAULT),
    username: account(bmc, 'username', IPMI_ACCOUNT_MAX, previous?.username),
    password: bmc.sealed('password', previous?.password),
    ...present(
      'kg',
      bmc.optional('kg', previous?.kg, () => bmc.sealed('kg', undefined)),
    ),
  }))
}

export function readHypervisor(owner: Fields, previous: Hypervisor | undefined): Hypervisor {
  return owner.object('hypervisor', HYPERVISOR_FIELDS, (host) => ({
    type: host.choice('type', ['esxi'], previous?.type),
    address: host.address('address', previous?.address),
    port: host.port('port', previous?.port ?? ESXI_PORT_DEFAULT),
    username: account(host, 'username', ESXI_ACCOUNT_MAX, previous?.username),
    password: host.sealed('password', previous?.password),
    guestReset: host.flag('guestReset', previous?.guestReset ?? false),
  }))
}

export function readFeeds(owner: Fields, max: number, kept: Feed[]): Feed[] {
  return owner.list('feeds', max, kept, (raw, pointer) => {
    const feed = new Fields(raw, pointer, owner.faults, ['pdu', 'outlet', 'outletName'])
    return {
      pdu: feed.name('pdu'),
      outlet: feed.integer('outlet', OUTLET_NUMBER),
      ...present(
        'outletName',
        feed.optional('outletName', undefined, () =>
          feed.text('outletName', OUTLET_NAME_ALLOWED, isOutletName),
        ),
      ),
    }
  })
}

/** As it can be compared with what a device tells. */
function isOutletName(text: string): boolean {
  return (
    text.length <= OUTLET_NAME_CHARACTERS_MAX && /^[\x20-\x7e]+$/.test(text) && text.trim() === text
  )
}

export function readPdu(fields: Fields, previous: Pdu | undefined): Pdu {
  const model = fields.text(
    'model',
    'the name of a known model',
    (text) => text !== '',
    previous?.model,
  )
  if (model !== CUSTOM_MODEL) fields.foreign('custom', `left out, or the model ${CUSTOM_MODEL}`)
  // Where a unit was on another model says nothing on this one.
  const before = previous?.model === model ? previous : undefined
  const place = (field: 'unit' | 'branch') => {
    const read = () => fields.integer(field, PDU_PLACE)
    return present(field, fields.optional(field, before?.[field], read))
  }
  return {
    name: fields.name('name'),
    ...present('renamedFrom', fields.optionalName('renamedFrom', undefined)),
    address: fields.address('address', previous?.address),
    port: fields.port('port', previous?.port ?? SNMP_PORT_DEFAULT),
    model,
    ...(model === CUSTOM_MODEL ? { custom: readCustomModel(fields, previous?.custom) } : {}),
    ...place('unit'),
    ...place('branch'),
    snmp: readSnmp(fields, previous?.snmp),
  }
}

function readSnmp(owner: Fields, previous: SnmpSettings | undefined): SnmpSettings {
  if (owner.raw('snmp') === undefined && previous) return previous
  return owner.object('snmp', SNMP_FIELDS, (snmp) => {
    const version = snmp.choice('version', ['1', '2c', '3'] as const, previous?.version)
    if (version === '3') return readSnmpV3(snmp, previous?.version === '3' ? previous : undefined)
    for (const field of ['user', 'level', 'auth', 'priv']) {
      snmp.foreign(field, `left out in version ${version}`)
    }
    const community = previous && previous.version !== '3' ? previous.community : undefined
    return { version, community: snmp.sealed('community', community) }
  })
}

function readSnmpV3(snmp: Fields, previous: SnmpV3 | undefined): SnmpV3 {
  snmp.foreign('community', 'left out in version 3, which has user, level, auth and priv')
  const level = snmp.choice('level', LEVELS, previous?.level)
  const auth = level === 'noAuthNoPriv' ? undefined : readAuth(snmp, previous?.auth)
  const priv = level === 'authPriv' ? readPriv(snmp, previous?.priv) : undefined
  if (!auth) snmp.foreign('auth', `left out with ${level}`)
  if (!priv) snmp.foreign('priv', `left out with ${level}`)
  return {
    version: '3',
    user: account(snmp, 'user', SNMP_USER_MAX, previous?.user),
    level,
    ...present('auth', auth),
    ...present('priv', priv),
  }
}

function readAuth(snmp: Fields, previous: Auth | undefined): Auth {
  return snmp.object('auth', ['protocol', 'password'], (auth) => ({
    protocol: auth.choice('protocol', AUTH_PROTOCOLS, previous?.protocol),
    password: auth.sealed('password', previous?.password),
  }))
}

function readPriv(snmp: Fields, previous: Priv | undefined): Priv {
  return snmp.object('priv', ['protocol', 'password'], (priv) => ({
    protocol: priv.choice('protocol', PRIV_PROTOCOLS, previous?.protocol),
    password: priv.sealed('password', previous?.password),
  }))
}
