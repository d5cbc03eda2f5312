// Between the decision to fire and the moment an effect can leave lies a write to disk. What the ladder no
// longer wants by then is not sent.
import { type ShotState, sameDevice } from '../shot.ts'
import type { Ladder } from './ladder.ts'

/**
 * True while the ladder still stands on the rung that asked for the shot, and has asked for no other in its
 * place: an intent that waited for a slow disk must not leave beside its successor.
 */
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
      return phase.name === 'pdu' && isNewest(ladder, shot)
    case 'on':
      return phase.name === 'on' && isNewest(ladder, shot)
  }
}

function isNewest({ shots }: Ladder, { id, device }: ShotState): boolean {
  return !shots.some((other) => other.id > id && sameDevice(other.device, device))
}
