// The part of net-snmp 3.29 that we use, with the inner members that session.ts overrides so that a SET
// can never go out twice. The package has no types of its own.
declare module 'net-snmp' {
  interface Varbind {
    oid: string
    type: number
    /** Integer types: number; OctetString: Buffer; OID: string. */
    value: unknown
  }

  interface Pdu {
    type: number
    id: number
  }

  interface Message {
    pdu: Pdu
    /** SNMPv3 only. */
    msgGlobalData?: { msgFlags: number }
    msgSecurityParameters?: { msgAuthoritativeEngineID: Buffer }
  }

  /** One request under way. */
  interface Req {
    message: Message
    originalPdu?: Pdu
    responseCb(error: Error | null, varbinds?: Varbind[]): void
    retries: number
    timeout: number
  }

  interface DatagramSocket {
    on(event: 'message', listener: (message: Buffer) => void): unknown
    on(event: 'close', listener: () => void): unknown
    on(event: 'error', listener: (error: Error) => void): unknown
    ref(): unknown
    unref(): unknown
    send(
      message: Buffer,
      offset: number,
      length: number,
      port: number,
      address: string,
      sent: (error: Error | null, bytes: number) => void,
    ): void
    close(): unknown
  }

  interface User {
    name: string
    level: number
    authProtocol?: number
    authKey?: string
    privProtocol?: number
    privKey?: string
  }

  interface SessionOptions {
    version: number
    port: number
    transport: 'udp4' | 'udp6'
    retries: number
    timeout: number
    reportOidMismatchErrors: boolean
    dgramModule: { createSocket(transport: string): DatagramSocket }
  }

  class Session {
    constructor(target: string, authenticator: string | User, options: SessionOptions)
    retries: number
    timeout: number
    /** What discovery told of the device's SNMPv3 engine. */
    msgSecurityParameters?: object
    get(oids: string[], answered: (error: Error | null, varbinds?: Varbind[]) => void): this
    getNext(oids: string[], answered: (error: Error | null, varbinds?: Varbind[]) => void): this
    set(varbinds: Varbind[], answered: (error: Error | null, varbinds?: Varbind[]) => void): this
    send(req: Req, noWait?: boolean): this
    onMsg(buffer: Buffer): void
    onSimpleGetResponse(req: Req, message: Message): void
    on(event: 'error', listener: (error: Error) => void): this
    close(): this
  }

  class RequestFailedError extends Error {
    status: number
  }
  class RequestTimedOutError extends Error {}
  class ResponseInvalidError extends Error {
    code: number
    info?: unknown
  }

  const Version1: number
  const Version2c: number
  const Version3: number
  const ObjectType: { Integer: number; OctetString: number; OID: number; Gauge: number }
  const PduType: { SetRequest: number }
  const ResponseInvalidCode: { EAuthFailure: number }
  const SecurityLevel: { noAuthNoPriv: number; authNoPriv: number; authPriv: number }
  const AuthProtocols: {
    md5: number
    sha: number
    sha224: number
    sha256: number
    sha384: number
    sha512: number
  }
  const PrivProtocols: { des: number; aes: number; aes256b: number; aes256r: number }
  const Authentication: {
    /** Localised keys by password and engine; grows without bound by itself. */
    authToKeyCache: Record<string, Buffer>
    passwordToKey(authProtocol: number, password: string, engineId: Buffer): Buffer
  }

  interface Engine {
    engineID: Buffer
  }
  interface PrivAlgorithm {
    encryptPdu(
      pdu: Buffer,
      privProtocol: number,
      password: string,
      authProtocol: number,
      engine: Engine,
    ): { encryptedPdu: Buffer; msgPrivacyParameters: Buffer }
    decryptPdu(
      encrypted: Buffer,
      privProtocol: number,
      salt: Buffer,
      password: string,
      authProtocol: number,
      engine: Engine,
    ): Buffer
  }
  const Encryption: { algorithms: Record<number, PrivAlgorithm> }

  function isVarbindError(varbind: Varbind): boolean
}
