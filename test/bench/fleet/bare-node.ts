// The bare server on Node. It has as many connections to the database as the control plane.
import type { AddressInfo } from 'node:net'
import { serve } from '@hono/node-server'
import postgres from 'postgres'
import { bareApp } from './bare-app.ts'

const sql = postgres(process.env['DATABASE_URL'] ?? '', { max: 10, fetch_types: false })
const server = serve({ fetch: bareApp(sql).fetch, hostname: '127.0.0.1', port: 0 })
server.once('listening', () => {
  const { port } = server.address() as AddressInfo
  console.log(`control plane\thttp://127.0.0.1:${port}`)
})
process.once('SIGTERM', () => process.exit(0))
