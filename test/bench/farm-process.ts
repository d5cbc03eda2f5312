// A process of its own that simulates many servers, so that the simulation takes no time from what is
// measured. Speaks with `farm.ts` over the channel that fork opens.
import type { Socket } from 'node:dgram'
import { subscribe } from 'node:diagnostics_channel'
import { type MachineRoom, openMachineRoom, TYPICAL_SERVER } from '../../lab/room.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import {
  FARM_ACCOUNT,
  FARM_COMMUNITY,
  type FarmAnswer,
  type FarmPlan,
  type FarmQuestion,
  OUTLETS,
  outletOf,
} from './farm.ts'

let room: MachineRoom | undefined
let datagrams = 0

subscribe('udp.socket', (made) => {
  const { socket } = made as { socket: Socket }
  socket.on('message', () => {
    datagrams += 1
  })
})

process.on('message', (question: FarmQuestion) => void answer(question))
process.on('disconnect', () => process.exit(0))

async function answer(question: FarmQuestion): Promise<void> {
  const reply = await replyTo(question)
  process.send?.(reply)
}

async function replyTo(question: FarmQuestion): Promise<FarmAnswer> {
  if (question.ask === 'open') {
    room = await open(question.plan)
    return {
      servers: [...room.servers.values()].map(({ name, bmcPlace }) => ({ name, ...bmcPlace })),
      pdus: [...room.pdus.values()].map(({ name, place }) => ({ name, ...place })),
      controls: [],
      datagrams,
    }
  }
  const controls = [...(room?.servers.values() ?? [])].flatMap(({ name, model }) =>
    model.bmc.controls.list().map(({ at, what }) => ({ server: name, action: what.action, at })),
  )
  return { servers: [], pdus: [], controls, datagrams }
}

/** Servers with feeds take the outlets of two PDUs, which are added as they fill up. */
function open({ servers, feeds }: FarmPlan): Promise<MachineRoom> {
  const pairs = feeds ? Math.ceil(servers / OUTLETS) : 0
  return openMachineRoom(
    {
      pdus: Array.from({ length: pairs * 2 }, (_, index) => ({
        name: `pdu-${index}`,
        family: 'ibm-ipdu' as const,
        address: `127.0.30.${index + 1}`,
        port: 0,
        outletCount: OUTLETS,
        access: { community: FARM_COMMUNITY },
      })),
      servers: Array.from({ length: servers }, (_, index) => ({
        name: `S${index}`,
        bmc: {
          address: `127.0.${40 + Math.floor(index / 250)}.${1 + (index % 250)}`,
          port: 0,
          account: { ...FARM_ACCOUNT, privilege: 4 },
        },
        feeds: feeds ? [outletOf(index, 0), outletOf(index, 1)] : [],
        physical: {
          ...TYPICAL_SERVER,
          holdUpMs: 0,
          os: { ...TYPICAL_SERVER.os, kdump: { ...TYPICAL_SERVER.os.kdump, enabled: false } },
        },
      })),
    },
    { clock: nodeClock, random: nodeRandom },
  )
}
