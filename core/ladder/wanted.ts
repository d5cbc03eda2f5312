// Between the decision to fire and the moment an effect can leave lies a write to disk. What the ladder no
// longer wants by then is not sent.
import type { Ladder } from './ladder.ts'

/** True while the ladder still stands on the rung that asked for the shot. */
export function stillWants(ladder: Ladder, shotId: number): boolean {
  const shot = ladder.shots.find(({ id }) => id === shotId)
  if (!shot || shot.answer !== undefined) return false
  const { phase } = ladder
  switch (shot.rung) {
    case 'soft':
      return phase.name === 'soft'
    case 'hard':
      return phase.name === 'hard' && phase.shot === shotId
    case 'off':
      return phase.name === 'off' && phase.shot === shotId
    case 'pdu':
      return phase.name === 'pdu'
    case 'on':
      return phase.name === 'on'
  }
}
