// The whole interface with played agents: what a client and an agent are told is the same on every target.
import { afterAll, beforeAll } from 'vitest'
import { Closing } from '../e2e/programs.ts'
import { auditTests } from './interface/audit.ts'
import { drillTests } from './interface/drills.ts'
import { enrolmentTests } from './interface/enrolment.ts'
import { exerciseTests } from './interface/exercises.ts'
import { hostileTests } from './interface/hostile-agent.ts'
import { httpTests } from './interface/http.ts'
import { linkTests } from './interface/link.ts'
import { operatorLogTests } from './interface/operator-log.ts'
import { replacedAgentTests } from './interface/replaced-agent.ts'
import { resetTests } from './interface/resets.ts'
import { restoreTests } from './interface/restores.ts'
import { siteTests } from './interface/sites.ts'
import { revokedAdminTests, tokenTests } from './interface/tokens.ts'
import { onTarget, startTarget, type Target } from './targets.ts'

onTarget('the interface', () => {
  const closing = new Closing()
  let target: Target
  beforeAll(async () => {
    target = await startTarget(closing)
  }, 60_000)
  afterAll(() => closing.run())

  const on = () => target
  httpTests(on)
  tokenTests(on)
  enrolmentTests(on)
  siteTests(on)
  resetTests(on)
  restoreTests(on)
  drillTests(on)
  exerciseTests(on)
  auditTests(on)
  operatorLogTests(on)
  linkTests(on)
  replacedAgentTests(on)
  hostileTests(on)
  revokedAdminTests(on)
})
