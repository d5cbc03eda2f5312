// The rules that a run obeys: the very functions of core/votes, or a weakened version of one of them that
// test/sim/planted wraps around it.
import { type Judgement, judgeVote, type VoteRow } from '../../../core/votes/control-plane.ts'
import { judgeShot, mayFire } from '../../../core/votes/lease.ts'
import type { ToControlPlane } from '../../../core/votes/messages.ts'
import { open, step } from '../../../core/votes/step.ts'
import type { ByAgent } from '../../../core/votes/terms.ts'

export interface Rules {
  open: typeof open
  step: typeof step
  mayFire: typeof mayFire
  judgeShot: typeof judgeShot
  /** `wallMs`: the control plane's wall clock. */
  judgeVote(row: VoteRow, message: ToControlPlane, stored: ByAgent, wallMs: number): Judgement
  /** False: an effect leaves by the lease alone, its intent acknowledged by nobody. */
  acknowledged: boolean
  /** False: every hub process has a row of its own. */
  oneRow: boolean
  /** False: a write is said to be durable before it is. */
  synced: boolean
}

export const CORE_RULES: Rules = {
  open,
  step,
  mayFire,
  judgeShot,
  judgeVote,
  acknowledged: true,
  oneRow: true,
  synced: true,
}
