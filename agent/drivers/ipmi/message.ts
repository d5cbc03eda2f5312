// The LAN message inside an envelope (spec protocols.md §1.2).

const BMC_ADDRESS = 0x20
const CONSOLE_ADDRESS = 0x81
const RESPONSE_OVERHEAD_BYTES = 8

export interface Request {
  /** Even network function of the request. */
  netFn: number
  code: number
  /** 0–63: the answer repeats it. */
  rqSeq: number
  body: Uint8Array
}

export interface Response {
  /** The request's network function, plus one. */
  netFn: number
  code: number
  rqSeq: number
  completionCode: number
  body: Uint8Array
}

/** The byte that makes its range sum to 0 modulo 256. */
export function checksum(bytes: Uint8Array): number {
  let sum = 0
  for (const byte of bytes) sum += byte
  return -sum & 0xff
}

export function encodeRequest(request: Request): Buffer {
  const message = Buffer.alloc(7 + request.body.length)
  message[0] = BMC_ADDRESS
  message[1] = request.netFn << 2
  message[2] = checksum(message.subarray(0, 2))
  message[3] = CONSOLE_ADDRESS
  message[4] = request.rqSeq << 2
  message[5] = request.code
  message.set(request.body, 6)
  message[message.length - 1] = checksum(message.subarray(3, -1))
  return message
}

/**
 * Decodes a response; undefined when it is too short or not a response. The checksums are not judged:
 * in a session the AuthCode has already proved every byte, and some boards compute them wrongly
 * (spec protocols.md §1.8, Supermicro X9).
 */
export function decodeResponse(message: Uint8Array): Response | undefined {
  if (message.length < RESPONSE_OVERHEAD_BYTES) return undefined
  const [, function_ = 0, , , sequence = 0, code = 0, completionCode = 0] = message
  const netFn = function_ >> 2
  if (netFn % 2 === 0) return undefined
  return { netFn, code, rqSeq: sequence >> 2, completionCode, body: message.subarray(7, -1) }
}
