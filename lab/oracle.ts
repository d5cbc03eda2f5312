// The truth about the room as plain objects, for people and for tests that run in another process.
import type { LabPdu, LabServer, MachineRoom } from './room.ts'

const CONTROLS_SHOWN = 20

export function describeServer(room: MachineRoom, server: LabServer) {
  const { model } = server
  const { bmc, os } = model
  const cables = room.cables().filter((cable) => cable.server === server.name)
  return {
    name: server.name,
    railVolts: model.railVolts,
    standby: model.standby,
    supplies: model.supplies.map((supply, index) => {
      const cable = cables.find((candidate) => candidate.supply === index)
      return { ...supply, ...(cable ? { pdu: cable.pdu, outlet: cable.outlet } : {}) }
    }),
    os: {
      state: os.state,
      bootId: os.bootId ?? null,
      boots: os.boots,
      stopNotices: os.stopNotices,
    },
    systemAddress: server.systemAddress ?? null,
    bmc: {
      ...server.bmcPlace,
      state: bmc.state,
      sessions: server.sessionCount,
      executed: { ...bmc.executed },
      controls: bmc.controls
        .list()
        .slice(-CONTROLS_SHOWN)
        .map(({ at, wall, what }) => ({ at, wall, ...what })),
    },
    faults: model.faults,
  }
}

export function describePdu(room: MachineRoom, pdu: LabPdu) {
  const { model } = pdu
  const cables = room.cables().filter((cable) => cable.pdu === pdu.name)
  return {
    name: pdu.name,
    family: pdu.family,
    ...pdu.place,
    faults: model.faults,
    outlets: Array.from({ length: model.outletCount }, (_, i) => i + 1).map((outlet) => ({
      outlet,
      live: model.live(outlet),
      shown: model.shown(outlet).position,
      pending: model.shown(outlet).pending,
      feeds: cables.filter((cable) => cable.outlet === outlet).map(({ server }) => server),
      faults: model.outletFaults(outlet),
    })),
    orders: model.orders.list().map(({ at, wall, what }) => ({ at, wall, ...what })),
  }
}
