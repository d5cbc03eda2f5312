// Entry of the agent: `node agent/main.ts --data DIR --control-plane URL --name NAME`.
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { importVerifyingKey, thumbprint } from '../protocol/keys.ts'
import { SOFTWARE_VERSION } from '../protocol/version.ts'
import { nodeClock, nodeRandom } from '../runtime/node.ts'
import { Agent } from './agent.ts'
import { createStopNoticeListener } from './drivers/kdump.ts'
import { type Enrolment, enrol, readEnrolment } from './enrolment.ts'
import { type Identity, openIdentity } from './identity.ts'
import { openJournal } from './journal/journal.ts'
import { HubLink } from './link.ts'
import { type AgentSettings, readSettings } from './settings.ts'

/** The only agent of a site acts in the first odd epoch (spec redundancy.md, "Votes"). */
const SINGLE_AGENT_EPOCH = 1

const read = readSettings(process.argv.slice(2))
if ('faults' in read) {
  for (const fault of read.faults) console.error(fault)
  process.exit(2)
}
try {
  await run(read.settings)
} catch (error) {
  die(error)
}

async function run(settings: AgentSettings): Promise<void> {
  const identity = await openIdentity(settings.dataDirectory)
  const enrolment =
    (await readEnrolment(settings.dataDirectory)) ?? (await becomeMember(settings, identity))
  await checkSiteKey(identity, enrolment)
  const { site, name } = enrolment
  const journal = await openJournal({
    directory: join(settings.dataDirectory, 'journal'),
    site,
    agent: name,
    clock: nodeClock,
    onFault: log,
  })
  if (journal.epoch < SINGLE_AGENT_EPOCH) journal.enterEpoch(SINGLE_AGENT_EPOCH)
  void journal.failed.then(die)
  const keys = await Promise.all(enrolment.controlPlaneKeys.map(importVerifyingKey))
  const bootId = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim()

  const agent = new Agent({
    clock: nodeClock,
    random: nodeRandom,
    bootId,
    site,
    name,
    journal,
    controlPlaneKeys: () => keys,
    openingKey: identity.siteOpening,
    files: {
      site: join(settings.dataDirectory, 'site.jws'),
      bindings: join(settings.dataDirectory, 'bindings.json'),
      proofs: join(settings.dataDirectory, 'proofs.json'),
    },
    journalled: (order) => link.journalled(order),
    log,
    failed: die,
  })
  const link = new HubLink({
    url: settings.controlPlane ?? enrolment.url,
    site,
    agent: name,
    version: SOFTWARE_VERSION,
    key: identity.signing,
    journal,
    clock: nodeClock,
    random: nodeRandom,
    revision: () => agent.revision,
    onOrder: (token, hubNowMs) => void agent.takeOrder(token, hubNowMs).catch(die),
    onSite: (token) => void agent.takeSite(token),
    onState: ({ phase, detail }) => log(`link ${phase}${detail === '' ? '' : `: ${detail}`}`),
    onRolledBack: die,
  })

  log(`agent ${name} of site ${site}, version ${SOFTWARE_VERSION}, start ${journal.start}`)
  log(`site key ${await thumbprint(identity.siteKey)}`)
  await journal.append([{ kind: 'started', version: SOFTWARE_VERSION, bootId }])
  const notices = await listen(settings, agent)
  await agent.start()
  link.start()

  let stopping = false
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      if (stopping) return
      stopping = true
      link.stop()
      Promise.all([notices?.close(), agent.stop()])
        .then(() => journal.close())
        .then(() => process.exit(0), die)
    })
  }
}

async function becomeMember(settings: AgentSettings, identity: Identity): Promise<Enrolment> {
  const { controlPlane, enrolmentTokenFile, name } = settings
  if (controlPlane === undefined || enrolmentTokenFile === undefined || name === undefined) {
    throw new Error(
      'this agent is not enrolled yet: give --control-plane URL, --name NAME and --enrolment-token-file FILE ' +
        '(make the token with: palisade agent enroll NAME)',
    )
  }
  const token = readFileSync(enrolmentTokenFile, 'utf8').trim()
  const enrolment = await enrol({
    identity,
    url: controlPlane,
    token,
    name,
    version: SOFTWARE_VERSION,
  })
  log(`enrolled as ${enrolment.name} of site ${enrolment.site}`)
  return enrolment
}

/** Without the private half no credential of this site can be opened, and nothing could be reset. */
async function checkSiteKey(identity: Identity, enrolment: Enrolment): Promise<void> {
  const [ours, theirs] = [await thumbprint(identity.siteKey), await thumbprint(enrolment.siteKey)]
  if (ours === theirs) return
  throw new Error(
    `site ${enrolment.site} seals its credentials to the key ${theirs} of another agent; this agent cannot ` +
      'open them. Restore that agent, or remove the site and enrol anew',
  )
}

/** Without its port an agent still resets; it only hears no stop notice, so every ladder runs its time. */
async function listen({ stopNotices }: AgentSettings, agent: Agent) {
  try {
    return await createStopNoticeListener({
      ...stopNotices,
      clock: nodeClock,
      heard: (notice) => agent.takeNotice(notice),
      rejected: ({ count, address, reason }) =>
        log(`${count} datagrams on the stop-notice port dropped, last from ${address}: ${reason}`),
    })
  } catch (error) {
    log(`stop notices cannot be heard on port ${stopNotices.port}: ${said(error)}`)
    return undefined
  }
}

function log(line: string): void {
  console.error(`${nodeClock.wall()} ${line}`)
}

function said(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}

/** An agent that cannot keep its promises must not act: whatever supervises it starts it anew. */
function die(error: unknown): never {
  log(`stopping: ${said(error)}`)
  process.exit(1)
}
