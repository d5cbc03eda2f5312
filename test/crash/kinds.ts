// Every kind of ladder that the matrix kills its agent in: how the machine is made, what is wrong with it, and
// how it may end with and without a kill.
import type { OperationKind } from '../../core/operation.ts'
import type { Recovery, Result } from '../../core/outcome.ts'
import type { ResetMode } from '../../core/plan.ts'
import type { Machine } from '../agent/lab-machines.ts'
import type { Stand } from './stand.ts'

export interface LadderKind {
  name: string
  machine: Omit<Machine, 'name'>
  /** Of what is no reset its ending stands for the result. */
  order: ResetMode | OperationKind
  /** What is wrong with it, from before the order on. */
  prepare?(stand: Stand): void
  /** Ends a fault when the ladder has ended, so that what is under way arrives. */
  release?(stand: Stand): void
  calm: Ending
  /** What a kill may make of it. */
  killed: { results: Ending['result'][]; recoveries: Recovery[] }
  /** What the machine does in the end: it runs, is held off, or whatever its fault made of it. */
  finally: 'runs' | 'off' | 'any'
}

export function isReset(order: LadderKind['order']): order is ResetMode {
  return order === 'ladder' || order === 'soft' || order === 'hard' || order === 'pdu'
}

export interface Ending {
  result: Result | 'done' | 'failed' | 'aborted' | 'refused'
  recovery: Recovery
}

const NO_KDUMP = { kdump: { enabled: false } }
const FAST = { hardResetAfterMs: 1000, holdUpMs: 200 }
const ONE_FEED = { feeds: 1, site: FAST, ...NO_KDUMP } as const
const TWO_FEEDS = { feeds: 2, site: FAST, ...NO_KDUMP } as const
const NO_FEED = { feeds: 0, site: FAST, ...NO_KDUMP } as const

const REFUSED = 0xcc
const DUMPS = { enabled: true, delayMs: 300, intervalMs: 300, dumpMs: 6000 }

export const KINDS: readonly LadderKind[] = [
  {
    name: 'DUMP',
    machine: { feeds: 1, kdump: DUMPS, site: { ...FAST, hardResetAfterMs: 3000 } },
    order: 'ladder',
    calm: { result: 'DUMP', recovery: 'none' },
    killed: { results: ['DUMP', 'REBOOT', 'POFF'], recoveries: ['none', 'restored'] },
    finally: 'runs',
  },
  {
    name: 'no notice, hard reset',
    machine: ONE_FEED,
    order: 'ladder',
    calm: { result: 'REBOOT', recovery: 'none' },
    killed: { results: ['REBOOT', 'POFF'], recoveries: ['none', 'restored'] },
    finally: 'runs',
  },
  {
    name: 'interrupt refused',
    machine: ONE_FEED,
    order: 'ladder',
    prepare: ({ model }) => model.setFaults({ refusesNmi: REFUSED }),
    calm: { result: 'REBOOT', recovery: 'none' },
    killed: { results: ['REBOOT', 'POFF'], recoveries: ['none', 'restored'] },
    finally: 'runs',
  },
  {
    name: 'off and on, confirmed',
    machine: { ...NO_FEED, requireGrade: 'confirmed' },
    order: 'ladder',
    calm: { result: 'POFF', recovery: 'restored' },
    killed: { results: ['POFF'], recoveries: ['restored'] },
    finally: 'runs',
  },
  {
    name: 'reply to the hard reset lost, off',
    machine: ONE_FEED,
    order: 'hard',
    prepare: ({ model }) => model.setFaults({ loseReplies: 1 }),
    calm: { result: 'POFF', recovery: 'restored' },
    killed: { results: ['POFF', 'REBOOT'], recoveries: ['none', 'restored'] },
    finally: 'runs',
  },
  {
    name: 'BMC silent, feeds off and on',
    machine: TWO_FEEDS,
    order: 'ladder',
    prepare: ({ model }) => model.setFaults({ hang: true }),
    release: ({ model }) => model.setFaults({ hang: false }),
    calm: { result: 'POFF', recovery: 'restored' },
    killed: { results: ['POFF'], recoveries: ['restored'] },
    finally: 'runs',
  },
  {
    name: 'recovery wait 0, held',
    machine: { ...TWO_FEEDS, site: { ...FAST, pduRecoveryWaitS: 0 } },
    order: 'pdu',
    calm: { result: 'POFF', recovery: 'held' },
    killed: { results: ['POFF'], recoveries: ['held'] },
    finally: 'off',
  },
  {
    name: 'one outlet stuck, FAIL',
    machine: TWO_FEEDS,
    order: 'pdu',
    prepare: ({ outlets }) => {
      const [, second] = outlets
      second?.model.setOutletFaults(second.outlet, { stuck: true })
    },
    calm: { result: 'FAIL', recovery: 'held' },
    killed: { results: ['FAIL'], recoveries: ['held', 'none'] },
    finally: 'runs',
  },
  {
    name: 'no feeds and the BMC silent, FAIL',
    machine: NO_FEED,
    order: 'hard',
    prepare: ({ model }) => model.setFaults({ hang: true }),
    release: ({ model }) => model.setFaults({ hang: false }),
    calm: { result: 'FAIL', recovery: 'none' },
    killed: { results: ['FAIL'], recoveries: ['none'] },
    finally: 'any',
  },
  {
    name: 'restore',
    machine: TWO_FEEDS,
    order: 'restore',
    prepare: ({ outlets }) => {
      for (const { model, outlet } of outlets) model.order(outlet, 'off')
    },
    calm: { result: 'done', recovery: 'none' },
    killed: { results: ['done'], recoveries: ['none'] },
    finally: 'runs',
  },
  {
    name: 'mode soft, stop notice',
    machine: { feeds: 1, kdump: DUMPS, site: { ...FAST, hardResetAfterMs: 3000 } },
    order: 'soft',
    calm: { result: 'DUMP', recovery: 'none' },
    killed: { results: ['DUMP', 'FAIL'], recoveries: ['none'] },
    finally: 'any',
  },
  {
    name: 'mode soft, no stop notice',
    machine: ONE_FEED,
    order: 'soft',
    calm: { result: 'FAIL', recovery: 'none' },
    killed: { results: ['FAIL'], recoveries: ['none'] },
    finally: 'any',
  },
  {
    name: 'mode hard',
    machine: ONE_FEED,
    order: 'hard',
    calm: { result: 'REBOOT', recovery: 'none' },
    killed: { results: ['REBOOT', 'POFF'], recoveries: ['none', 'restored'] },
    finally: 'runs',
  },
  {
    name: 'mode pdu',
    machine: TWO_FEEDS,
    order: 'pdu',
    calm: { result: 'POFF', recovery: 'restored' },
    killed: { results: ['POFF'], recoveries: ['restored'] },
    finally: 'runs',
  },
  {
    name: 'test of the feeds',
    machine: TWO_FEEDS,
    order: 'pdu-test',
    calm: { result: 'done', recovery: 'none' },
    // A busy machine may fail the looks that come before the first cut.
    killed: { results: ['done', 'aborted', 'refused', 'failed'], recoveries: ['none'] },
    finally: 'runs',
  },
  {
    name: 'soft-reset test',
    machine: { feeds: 1, kdump: DUMPS, site: FAST },
    order: 'soft-reset-test',
    calm: { result: 'done', recovery: 'none' },
    killed: { results: ['done', 'aborted', 'refused'], recoveries: ['none'] },
    finally: 'any',
  },
]
