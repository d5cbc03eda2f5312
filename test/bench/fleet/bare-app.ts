// The server that reads are measured beside: Hono and postgres.js, nothing else. The same statements as the
// control plane sends, the same JSON, written straight down: no OpenAPI, no validation, no query builder, no
// errors as problems, no operator log. Whoever enrolled counts as connected.
import { createHash } from 'node:crypto'
import { Hono } from 'hono'
import type postgres from 'postgres'

const PAGE = 500

export function bareApp(sql: postgres.Sql): Hono {
  const app = new Hono()
  app.use('/v1/*', async (c, next) => {
    const [, bearer = ''] = (c.req.header('authorization') ?? '').split(' ')
    const hash = createHash('sha256').update(bearer).digest('hex')
    const [token] = await sql`
      select * from tokens
      where hash = ${hash} and revoked_at is null
        and (expires_at_ms is null or expires_at_ms > ${Date.now()})`
    if (!token) return c.json({ title: 'unauthorized' }, 401)
    return await next()
  })
  app.get('/v1/sites/:site/status', async (c) => {
    const site = c.req.param('site')
    const [[row], agents, observations] = await Promise.all([
      sql`select * from sites where name = ${site}`,
      sql`select * from agents where site = ${site} order by name`,
      sql`
        select subject, name, attribute, value, detail, read_at, agent
        from observations where site = ${site}`,
    ])
    if (!row) return c.json({ title: 'unknown site' }, 404)
    return c.json(statusOf(row, agents, observations))
  })
  app.get('/v1/audit', async (c) => {
    const site = c.req.query('site') ?? ''
    const [[known], text] = await Promise.all([
      sql`select name from sites where name = ${site}`,
      exportOf(sql, site),
    ])
    if (!known) return c.json({ title: 'unknown site' }, 404)
    return c.body(text, 200, { 'content-type': 'application/x-ndjson' })
  })
  return app
}

async function exportOf(sql: postgres.Sql, site: string): Promise<string> {
  const keys = await sql`select * from agent_keys where site = ${site} order by enrolled_at, kid`
  const lines = keys.map(({ agent, key }) => JSON.stringify({ type: 'key', agent, jwk: key }))
  for (const { agent, kid } of keys) {
    for (let [seq, hash] = [0, 'g']; ; ) {
      const page = await sql`
        select r.seq, r.hash, r.record, h.token
        from records r left join heads h using (site, agent, kid, seq, hash)
        where r.agent = ${agent} and r.kid = ${kid} and r.site = ${site}
          and (r.seq > ${seq} or (r.seq = ${seq} and r.hash > ${hash}))
        order by r.seq, r.hash limit ${PAGE}`
      for (const { record, token } of page) {
        lines.push(`{"type":"record","record":${record}}`)
        if (token !== null) lines.push(JSON.stringify({ type: 'head', agent, token }))
      }
      const last = page.at(-1)
      if (!last || page.length < PAGE) break
      ;[seq, hash] = [Number(last['seq']), last['hash']]
    }
  }
  return `${lines.join('\n')}\n`
}

// biome-ignore lint/suspicious/noExplicitAny: rows as the driver gives them.
type Rows = readonly any[]

function statusOf(row: Rows[number], agents: Rows, observations: Rows) {
  const heardAt = new Date().toISOString().replace('Z', '000Z')
  const known = new Map(
    observations.map((value) => [`${value.subject} ${value.name} ${value.attribute}`, value]),
  )
  const show = (key: string, link?: string) => {
    const value = known.get(key)
    if (!value) return { value: '--', readAt: null }
    const detail = value.detail === '' ? {} : { detail: value.detail }
    if (link !== undefined && link !== 'OK') {
      return { value: value.value, readAt: value.read_at, stale: true, ...detail }
    }
    const readAt = value.read_at > heardAt ? value.read_at : heardAt
    return { value: value.value, readAt, ...detail }
  }
  const linkOf = (key: string): string => known.get(key)?.value ?? '--'
  const none = { value: '--', readAt: null }
  const { spec } = row.document
  const owners = new Map<string, { outlet: number; owner: string }[]>()
  for (const { name, feeds } of spec.servers) {
    for (const { pdu, outlet } of feeds) {
      const own = owners.get(pdu) ?? []
      own.push({ outlet, owner: name })
      owners.set(pdu, own)
    }
  }
  const role = agents.length === 1 ? 'active' : '---'
  return {
    site: row.name,
    revision: row.revision,
    mode: agents.length >= 2 ? 'redundant' : 'single',
    peerLink: none,
    agents: agents.map((agent) => ({
      name: agent.name,
      role,
      connected: true,
      heardAt,
      version: agent.version,
      revision: agent.revision,
      rolledBack: agent.rolled_back,
    })),
    managementServers: spec.managementServers.map((server: Rows[number]) => ({
      name: server.name,
      bmcAddress: server.bmc?.address ?? null,
      role,
      state: { value: 'normal', readAt: heardAt },
      bmc: server.bmc ? show(`managementServer ${server.name} bmc`) : none,
      pdu: server.pduControl ? show(`managementServer ${server.name} pdu`) : none,
      wiring: server.feeds.length > 0 ? show(`managementServer ${server.name} wiring`) : none,
    })),
    servers: spec.servers.map((server: Rows[number]) => {
      const key = `server ${server.name}`
      const link = linkOf(`${key} bmc`)
      return {
        name: server.name,
        bmcAddress: server.bmc.address,
        power: show(`${key} power`, link),
        bmc: show(`${key} bmc`),
        pdu: server.pduControl ? show(`${key} pdu`) : none,
        esxi: server.hypervisor ? show(`${key} link`) : none,
        identity: show(`${key} identity`, link),
        wiring: server.feeds.length > 0 ? show(`${key} wiring`) : none,
      }
    }),
    pdus: spec.pdus.map((pdu: Rows[number]) => {
      const link = linkOf(`pdu ${pdu.name} link`)
      const outlets = (owners.get(pdu.name) ?? []).sort((a, b) => a.outlet - b.outlet)
      return {
        name: pdu.name,
        address: pdu.address,
        model: pdu.model,
        modelRead: show(`pdu ${pdu.name} model`, link),
        firmware: show(`pdu ${pdu.name} firmware`, link),
        link: show(`pdu ${pdu.name} link`),
        outlets: outlets.map(({ outlet, owner }) => ({
          outlet,
          state: show(`outlet ${pdu.name}/${outlet} state`, link),
          class: 'P',
          owner,
        })),
      }
    }),
    systems: spec.clusters.flatMap((cluster: Rows[number]) =>
      cluster.systems.map((system: Rows[number]) => {
        const value = known.get(`system ${cluster.name}/${system.number} state`)
        return {
          cluster: cluster.name,
          number: system.number,
          name: system.name,
          server: system.server,
          guest: system.guest ?? null,
          state: value
            ? show(`system ${cluster.name}/${system.number} state`)
            : { value: '----', readAt: null },
          address: system.address,
          port: system.port,
          pair: '----',
        }
      }),
    ),
  }
}
