// What a proof of wiring is about: which outlets of which devices feed a server. Names may change, these not.
import { findManagementServer, findServer, type SiteDocument } from './site.ts'

/**
 * The same text as long as no feed of the server or management server leads elsewhere; undefined for one
 * without feeds.
 */
export function wiringText(site: SiteDocument, server: string): string | undefined {
  const feeds = (findServer(site, server) ?? findManagementServer(site, server))?.feeds ?? []
  if (feeds.length === 0) return undefined
  const texts = feeds.map(({ pdu: name, outlet }) => {
    const pdu = site.spec.pdus.find((each) => each.name === name)
    const { address, port, unit = 0, branch = 0, model } = pdu ?? {}
    return `${address} ${port} ${unit} ${branch} ${model} ${outlet}`
  })
  return texts.sort().join('; ')
}
