// A whole agent in a process of its own, to be killed: everything that is shipped but the link to a hub, whose
// place the test takes over IPC. It dies by its own hand at the point that it was told, as by `kill -9`.
import { join } from 'node:path'
import { Agent } from '../../agent/agent.ts'
import { nodeDisk } from '../../agent/disk.ts'
import {
  createStopNoticeListener,
  type StopNotice,
  type StopNoticeListener,
} from '../../agent/drivers/kdump.ts'
import { type Journal, openJournal } from '../../agent/journal/journal.ts'
import { importOpeningKey, importVerifyingKey } from '../../protocol/keys.ts'
import { nodeClock, nodeRandom } from '../../runtime/node.ts'
import type { AgentStart, FromAgent, ToAgent } from './agent-messages.ts'
import { killingDisk } from './journal-kill.ts'

let agent: Agent
let journal: Journal

// Nobody is left behind by a test that ended.
process.on('disconnect', () => process.exit(0))
process.on('message', (message: ToAgent) => {
  take(message).catch(fail)
})

async function take(message: ToAgent): Promise<void> {
  switch (message.type) {
    case 'start':
      return await start(message)
    case 'site':
      return await agent.takeSite(message.token)
    case 'order':
      return await agent.takeOrder(message.token, message.hubNowMs)
    case 'acknowledge':
      journal.acknowledge(journal.durable.seq)
  }
}

async function start(options: AgentStart): Promise<void> {
  const { directory, site, bootId, kill, reserveBytes } = options
  const controlPlaneKey = await importVerifyingKey(options.controlPlaneJwk)
  journal = await openJournal({
    directory: join(directory, 'journal'),
    site,
    agent: options.agent,
    clock: nodeClock,
    reserveBytes,
    disk: {
      ...nodeDisk,
      open: killingDisk(kill, {
        appended: (kinds) => say({ type: 'append', kinds }),
        die: () => process.kill(process.pid, 'SIGKILL'),
      }),
    },
  })
  if (journal.epoch === 0) journal.enterEpoch(1)
  void journal.failed.then(fail)
  tellDurable(journal)
  agent = new Agent({
    clock: nodeClock,
    random: nodeRandom,
    bootId,
    site,
    name: 'HACON1',
    journal,
    controlPlaneKeys: () => [controlPlaneKey],
    openingKey: await importOpeningKey(options.siteJwk),
    files: {
      site: join(directory, 'site.jws'),
      bindings: join(directory, 'bindings.json'),
      proofs: join(directory, 'proofs.json'),
    },
    journalled: (order) => say({ type: 'journalled', order }),
    log: () => {},
    failed: fail,
  })
  await journal.append([{ kind: 'started', version: 'crash', bootId }])
  const { port } = await listen(options.stopNoticePort)
  await agent.start()
  say({ type: 'up', stopNoticePort: port })
}

/** On the port of the life before, unless somebody took that meanwhile. */
async function listen(port: number): Promise<StopNoticeListener> {
  const heard = (notice: StopNotice) => agent.takeNotice(notice)
  const options = { address: '127.0.0.1', clock: nodeClock, heard }
  try {
    return await createStopNoticeListener({ ...options, port })
  } catch {
    return await createStopNoticeListener({ ...options, port: 0 })
  }
}

function tellDurable(journal: Journal): void {
  let told = journal.durable.seq
  let telling: Promise<void> = Promise.resolve()
  const tell = async () => {
    for (let batch = await journal.since(told); batch; batch = await journal.since(told)) {
      told = batch.head.seq
      say({ type: 'durable', records: batch.records })
    }
  }
  journal.onDurable(() => {
    telling = telling.then(tell).catch(fail)
  })
}

function say(message: FromAgent): void {
  if (process.connected) process.send?.(message)
}

function fail(error: unknown): void {
  say({
    type: 'failed',
    said: error instanceof Error ? (error.stack ?? error.message) : `${error}`,
  })
  setImmediate(() => process.exit(1))
}
