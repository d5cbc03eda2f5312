// User name, password and Kg as the handshake needs them. Private fields: they never show in a log.

const USERNAME_BYTES_MAX = 16
const PASSWORD_BYTES_MAX = 20
const KG_BYTES_MAX = 20

export interface CredentialOptions {
  username: string
  password: Uint8Array | string
  /** Key-exchange key of the BMC; may contain NUL. All zero means that the BMC has none. */
  kg?: Uint8Array
}

export class Credentials {
  readonly username: Uint8Array
  readonly #password: Uint8Array
  readonly #kg: Uint8Array | undefined

  /** @throws RangeError naming the field that is too long for IPMI 2.0; never its value. */
  constructor(options: CredentialOptions) {
    this.username = Buffer.from(options.username, 'utf8')
    this.#password = Buffer.from(options.password)
    this.#kg = options.kg?.some((byte) => byte !== 0) ? Buffer.from(options.kg) : undefined
    limit('username', this.username, USERNAME_BYTES_MAX)
    limit('password', this.#password, PASSWORD_BYTES_MAX)
    limit('kg', options.kg ?? new Uint8Array(0), KG_BYTES_MAX)
  }

  /** Kuid. HMAC pads keys with zeros itself, so padding to 20 bytes would change nothing. */
  get userKey(): Uint8Array {
    return this.#password
  }

  /** What the session integrity key is made with: Kg where the BMC has one, else Kuid. */
  get sessionKey(): Uint8Array {
    return this.#kg ?? this.#password
  }

  get usesKg(): boolean {
    return this.#kg !== undefined
  }
}

function limit(field: string, bytes: Uint8Array, max: number): void {
  if (bytes.length > max) {
    throw new RangeError(`ipmi ${field} has ${bytes.length} bytes; IPMI 2.0 allows at most ${max}`)
  }
}
