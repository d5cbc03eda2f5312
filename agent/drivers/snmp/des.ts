// DES privacy for SNMPv3 (RFC 3414 §8), which the oldest PDUs still need. OpenSSL 3 has no single DES any
// more, so that net-snmp's own fails; triple DES with one key three times over is the same cipher.
import { createCipheriv, createDecipheriv } from 'node:crypto'
import { Authentication, Encryption, PrivProtocols } from 'net-snmp'
import type { Random } from '../../../core/ports.ts'

const BLOCK = 8

interface Engine {
  engineID: Buffer
}

/** Replaces DES in net-snmp's table, for the whole process. */
export function installDes(random: Random): void {
  Encryption.algorithms[PrivProtocols.des] = {
    encryptPdu(pdu, _protocol, password, authProtocol, engine) {
      const { key, preIv } = desKey(password, authProtocol, engine)
      const salt = Buffer.from(random.bytes(BLOCK))
      const cipher = createCipheriv('des-ede3-cbc', key, mix(preIv, salt)).setAutoPadding(false)
      const padded = Buffer.alloc(Math.ceil(pdu.length / BLOCK) * BLOCK)
      pdu.copy(padded)
      const encryptedPdu = Buffer.concat([cipher.update(padded), cipher.final()])
      return { encryptedPdu, msgPrivacyParameters: salt }
    },
    decryptPdu(encrypted, _protocol, salt, password, authProtocol, engine) {
      const { key, preIv } = desKey(password, authProtocol, engine)
      const decipher = createDecipheriv('des-ede3-cbc', key, mix(preIv, salt)).setAutoPadding(false)
      return Buffer.concat([decipher.update(encrypted), decipher.final()])
    },
  }
}

/** The first eight bytes of the localised key are the DES key, the next eight the pre-IV. */
function desKey(password: string, authProtocol: number, engine: Engine) {
  const localised = Authentication.passwordToKey(authProtocol, password, engine.engineID)
  const once = localised.subarray(0, BLOCK)
  return { key: Buffer.concat([once, once, once]), preIv: localised.subarray(BLOCK, 2 * BLOCK) }
}

function mix(preIv: Buffer, salt: Buffer): Buffer {
  if (salt.length !== BLOCK) throw new Error(`DES salt of ${salt.length} bytes: want ${BLOCK}`)
  return Buffer.from(preIv.map((byte, index) => byte ^ (salt[index] ?? 0)))
}
