// A small HTTP port on the loopback address: look at the truth, break things. For people and for tests that
// run in another process; whoever can reach it owns the lab, which holds nothing of value.
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { BadInput, isObject, readFields } from './control-input.ts'
import {
  OUTLET_FAULTS,
  type OutletFaults,
  PDU_FAULTS,
  type PduFaults,
  SERVER_FAULTS,
  type ServerFaults,
} from './model/faults.ts'
import { describePdu, describeServer } from './oracle.ts'
import type { LabPdu, LabServer, MachineRoom } from './room.ts'
import type { SocketPlace } from './socket.ts'

export interface LabControl {
  url: string
  port: number
  close(): Promise<void>
}

const ADDRESS = '127.0.0.1'
const BODY_MAX = 65_536
const LOCAL_HOST = /^(127\.0\.0\.1|localhost)(:\d+)?$/

const OS_ACTIONS = ['panic', 'halt', 'boot', 'shutdown', 'power-on'] as const

interface Ask {
  room: MachineRoom
  /** What the groups of the path matched. */
  names: readonly string[]
  body: unknown
}

interface Route {
  method: 'GET' | 'POST'
  path: RegExp
  shown: string
  answer(ask: Ask): unknown
}

const ROUTES: readonly Route[] = [
  {
    method: 'GET',
    path: /^\/servers$/,
    shown: 'GET /servers',
    answer: ({ room }) => [...room.servers.values()].map((server) => describeServer(room, server)),
  },
  {
    method: 'GET',
    path: /^\/servers\/([^/]+)$/,
    shown: 'GET /servers/NAME',
    answer: ({ room, names: [name] }) => describeServer(room, findServer(room, name)),
  },
  {
    method: 'POST',
    path: /^\/servers\/([^/]+)\/faults$/,
    shown: 'POST /servers/NAME/faults',
    answer({ room, names: [name], body }) {
      const server = findServer(room, name)
      server.model.setFaults(readFields<ServerFaults>(SERVER_FAULTS, body))
      return describeServer(room, server)
    },
  },
  {
    method: 'POST',
    path: /^\/servers\/([^/]+)\/os$/,
    shown: 'POST /servers/NAME/os',
    answer({ room, names: [name], body }) {
      const server = findServer(room, name)
      actOnOs(server, body)
      return describeServer(room, server)
    },
  },
  {
    method: 'GET',
    path: /^\/pdus$/,
    shown: 'GET /pdus',
    answer: ({ room }) => [...room.pdus.values()].map((pdu) => describePdu(room, pdu)),
  },
  {
    method: 'GET',
    path: /^\/pdus\/([^/]+)$/,
    shown: 'GET /pdus/NAME',
    answer: ({ room, names: [name] }) => describePdu(room, findPdu(room, name)),
  },
  {
    method: 'POST',
    path: /^\/pdus\/([^/]+)\/faults$/,
    shown: 'POST /pdus/NAME/faults',
    answer({ room, names: [name], body }) {
      const pdu = findPdu(room, name)
      pdu.model.setFaults(readFields<PduFaults>(PDU_FAULTS, body))
      return describePdu(room, pdu)
    },
  },
  {
    method: 'POST',
    path: /^\/pdus\/([^/]+)\/outlets\/(\d{1,3})\/faults$/,
    shown: 'POST /pdus/NAME/outlets/N/faults',
    answer({ room, names: [name, outlet], body }) {
      const pdu = findPdu(room, name)
      setOutletFaults(room, pdu, Number(outlet), body)
      return describePdu(room, pdu)
    },
  },
  {
    method: 'POST',
    path: /^\/stop-notice-targets$/,
    shown: 'POST /stop-notice-targets',
    answer({ room, body }) {
      const targets = readTargets(body)
      room.setStopNoticeTargets(targets)
      return { targets }
    },
  },
]

class NotFound extends Error {}

/** Opens the control port; 0 = whatever the OS gives. Rejects when the port cannot be had. */
export async function openLabControl(room: MachineRoom, port = 0): Promise<LabControl> {
  const server = createServer((request, response) => {
    answerRequest(room, request).then(
      ({ status, body }) => send(response, status, body),
      (error: unknown) => {
        console.error('lab control:', error)
        send(response, 500, { code: 'internal', detail: 'the lab failed; see its output' })
      },
    )
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      reject(new Error(`cannot listen on TCP ${ADDRESS}:${port}`, { cause }))
    })
    server.listen(port, ADDRESS, resolve)
  })
  const address = server.address()
  const given = typeof address === 'object' && address ? address.port : port
  return {
    url: `http://${ADDRESS}:${given}`,
    port: given,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

async function answerRequest(room: MachineRoom, request: IncomingMessage) {
  // A web page must not get here by a name that resolves to the loopback address.
  if (!LOCAL_HOST.test(request.headers.host ?? '')) {
    return { status: 403, body: { code: 'forbidden', detail: 'the lab answers only to 127.0.0.1' } }
  }
  const path = new URL(request.url ?? '/', 'http://lab').pathname
  const route = ROUTES.find(({ method, path: at }) => method === request.method && at.test(path))
  if (!route) {
    const routes = ROUTES.map(({ shown }) => shown)
    return { status: 404, body: { code: 'not-found', detail: 'no such route', routes } }
  }
  try {
    const body = route.method === 'POST' ? await readBody(request) : undefined
    const names = (route.path.exec(path) ?? []).slice(1).map(decodeName)
    return { status: 200, body: route.answer({ room, names, body }) }
  } catch (error) {
    if (error instanceof BadInput) {
      return { status: 400, body: { code: 'invalid', detail: error.message, errors: error.errors } }
    }
    if (error instanceof NotFound) {
      return { status: 404, body: { code: 'not-found', detail: error.message } }
    }
    throw error
  }
}

async function readBody(request: IncomingMessage): Promise<unknown> {
  const type = request.headers['content-type'] ?? ''
  if (!type.startsWith('application/json')) {
    throw new BadInput([{ field: 'content-type', value: type, allowed: 'application/json' }])
  }
  const chunks: Buffer[] = []
  let length = 0
  for await (const chunk of request) {
    const bytes = Buffer.from(chunk)
    length += bytes.length
    if (length > BODY_MAX) {
      throw new BadInput([{ field: '', value: length, allowed: `at most ${BODY_MAX} bytes` }])
    }
    chunks.push(bytes)
  }
  const text = Buffer.concat(chunks).toString('utf8')
  try {
    return JSON.parse(text)
  } catch {
    throw new BadInput([{ field: '', value: text.slice(0, 100), allowed: 'JSON' }])
  }
}

function actOnOs(server: LabServer, body: unknown): void {
  const action = isObject(body) ? body['action'] : undefined
  const { os } = server.model
  if (action === 'panic') os.panic()
  else if (action === 'halt') os.halt()
  else if (action === 'shutdown') os.shutDown()
  else if (action === 'power-on') server.model.powerOn()
  else if (action === 'boot') {
    if (server.model.railVolts === 12) os.boot()
  } else {
    throw new BadInput([{ field: 'action', value: action, allowed: OS_ACTIONS.join(' or ') }])
  }
}

function setOutletFaults(room: MachineRoom, pdu: LabPdu, outlet: number, body: unknown): void {
  const { outletCount } = pdu.model
  if (outlet < 1 || outlet > outletCount) {
    throw new BadInput([{ field: 'outlet', value: outlet, allowed: `1–${outletCount}` }])
  }
  const faults = readFields<OutletFaults>(OUTLET_FAULTS, body)
  const { feeds } = faults
  if (feeds !== undefined && feeds !== '' && !room.servers.has(feeds)) {
    const allowed = `empty, or ${[...room.servers.keys()].join(' or ')}`
    throw new BadInput([{ field: 'feeds', value: feeds, allowed }])
  }
  pdu.model.setOutletFaults(outlet, faults)
}

function readTargets(body: unknown): SocketPlace[] {
  const list = isObject(body) ? body['targets'] : undefined
  const allowed = 'at most 16 of { "address": IPv4, "port": 1–65535 }'
  if (!Array.isArray(list) || list.length > 16) {
    throw new BadInput([{ field: 'targets', value: list, allowed }])
  }
  return list.map((item: unknown, i) => {
    const { address, port } = isObject(item) ? item : {}
    const fits = typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535
    if (typeof address !== 'string' || !/^[\d.]{7,15}$/.test(address) || !fits) {
      throw new BadInput([{ field: `targets[${i}]`, value: item, allowed }])
    }
    return { address, port }
  })
}

function findServer(room: MachineRoom, name = ''): LabServer {
  const found = room.servers.get(name)
  if (!found) throw new NotFound(`no server ${name}: ${[...room.servers.keys()].join(', ')}`)
  return found
}

function findPdu(room: MachineRoom, name = ''): LabPdu {
  const found = room.pdus.get(name)
  if (!found) throw new NotFound(`no PDU ${name}: ${[...room.pdus.keys()].join(', ')}`)
  return found
}

function decodeName(raw: string): string {
  try {
    return decodeURIComponent(raw)
  } catch {
    return raw
  }
}

function send(response: ServerResponse, status: number, body: unknown): void {
  const type = status < 400 ? 'application/json' : 'application/problem+json'
  response.writeHead(status, { 'content-type': type })
  response.end(`${JSON.stringify(body, undefined, 2)}\n`)
}
