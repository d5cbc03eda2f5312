// The IPMI message inside the session: addresses, function, command, two checksums (spec protocols.md §1.2).

export interface Request {
  netFn: number
  command: number
  /** Answered with, so that the console can match the reply. */
  sequence: number
  requester: number
  responder: number
  body: Buffer
}

const OVERHEAD = 7

/** Undefined for a message whose checksums are wrong or that is no request. */
export function parseRequest(message: Buffer): Request | undefined {
  if (message.length < OVERHEAD || message.length > 255) return undefined
  if (sum(message.subarray(0, 3)) !== 0 || sum(message.subarray(3)) !== 0) return undefined
  const netFn = message.readUInt8(1) >> 2
  if (netFn % 2 !== 0) return undefined
  return {
    netFn,
    command: message.readUInt8(5),
    sequence: message.readUInt8(4),
    requester: message.readUInt8(3),
    responder: message.readUInt8(0),
    body: message.subarray(6, -1),
  }
}

export function buildReply(
  request: Request,
  completionCode: number,
  body: Iterable<number>,
): Buffer {
  const head = [request.requester, (request.netFn + 1) << 2]
  const rest = [request.responder, request.sequence, request.command, completionCode, ...body]
  return Buffer.from([...head, checksum(head), ...rest, checksum(rest)])
}

function checksum(bytes: Iterable<number>): number {
  return (0x100 - sum(bytes)) & 0xff
}

function sum(bytes: Iterable<number>): number {
  let total = 0
  for (const byte of bytes) total = (total + byte) & 0xff
  return total
}
