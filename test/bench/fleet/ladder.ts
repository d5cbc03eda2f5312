// The records of a reset as an agent journals them, in the steps in which it reports them: what comes after an
// answer of the BMC is not known before it.
import type { ResetOrder } from '../../../protocol/order.ts'
import type { Body } from '../../../protocol/report.ts'
import { nodeClock } from '../../../runtime/node.ts'

type Rung = 'soft' | 'hard'

/** Each step is one report. With a soft rung before the hard one, unless the order asks for the hard one alone. */
export function ladderSteps(order: ResetOrder, token: string): Body[][] {
  const { id, request, plan } = order
  const mono = { bootId: 'fleet', ms: nodeClock.now() }
  const intent = (shot: number, rung: Rung): Body => ({
    kind: 'intent',
    order: id,
    shot: { id: shot, rung, device: { kind: 'bmc' }, action: rung === 'soft' ? 'nmi' : 'reset' },
    mono,
  })
  const answer = (shot: number): Body => ({
    kind: 'answer',
    order: id,
    shot,
    answer: 'accepted',
    detail: '',
    mono,
  })
  const accepted: Body = { kind: 'accepted', order: id, token, request, plan, mono }
  const evidence = [{ source: `bmc:${plan.server}`, said: 'accepted', at: nodeClock.wall() }]
  const concluded: Body = {
    kind: 'concluded',
    order: id,
    conclusion: { result: 'REBOOT', fenced: true, grade: 'acknowledged', evidence },
    mono,
  }
  const recovery: Body = { kind: 'recovery', order: id, recovery: 'none', detail: '', mono }
  const ending: Body[] = [recovery, { kind: 'ended', order: id }]
  if (plan.mode === 'hard') {
    return [[accepted, intent(1, 'hard')], [answer(1), concluded], ending]
  }
  return [
    [accepted, intent(1, 'soft')],
    [answer(1)],
    [intent(2, 'hard'), answer(2), concluded],
    ending,
  ]
}
