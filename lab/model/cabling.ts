// Which outlet feeds which supply. The plan is what the site file says; a cable that was plugged in wrongly
// is a swap on top of it.

export interface OutletPlace {
  pdu: string
  outlet: number
}

export interface SupplyCable extends OutletPlace {
  server: string
  /** Counted from 0. */
  supply: number
}

export interface Swap extends OutletPlace {
  /** The server whose first feed changes places with the outlet. */
  server: string
}

/** The cables as they really run. A swap with a server that has no feed changes nothing. */
export function runCables(plan: readonly SupplyCable[], swaps: readonly Swap[]): SupplyCable[] {
  return swaps.reduce(swapCables, [...plan])
}

function swapCables(cables: SupplyCable[], swap: Swap): SupplyCable[] {
  const first = cables.find((cable) => cable.server === swap.server && cable.supply === 0)
  if (!first || same(first, swap)) return cables
  return cables.map((cable) => {
    if (same(cable, first)) return { ...cable, pdu: swap.pdu, outlet: swap.outlet }
    if (same(cable, swap)) return { ...cable, pdu: first.pdu, outlet: first.outlet }
    return cable
  })
}

function same(a: OutletPlace, b: OutletPlace): boolean {
  return a.pdu === b.pdu && a.outlet === b.outlet
}
