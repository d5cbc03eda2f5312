// What a person can do about each refusal of the API.

const NEXT: Readonly<Record<string, string>> = {
  unauthorized: 'check PALISADE_TOKEN: it is wrong, revoked or expired',
  forbidden: 'use a token whose scope allows this; see `palisade token list`',
  'invalid-site': 'correct these places in the site file and apply it again',
  'invalid-request': 'correct the argument that is named',
  'unknown-site': 'see which sites there are; name one with --site',
  'unknown-server': 'see `palisade show status` for the names',
  'unknown-management-server': 'see `palisade show status` for the names',
  'own-management-server':
    'test it by the agent of the other management server, once that is active',
  'unknown-system': 'see `palisade show systems` for the numbers',
  'unknown-cluster': 'see `palisade show systems` for the clusters',
  'unknown-reset': 'check the id; it starts with rst_',
  'ambiguous-system': 'name the cluster with --cluster',
  'reset-already-open': 'look at the open reset with `palisade show reset ID`',
  'pair-guard': 'wait until the partner is back, then ask again if it is still needed',
  'requester-is-target': 'name the system that asks with --requester, not the one to stop',
  'requester-being-reset': 'wait for the reset of the requester to end',
  'unknown-exercise':
    'check the id; it starts with exr_, and is known once its first test has begun',
  'no-agent-connected': 'see that an agent of the site runs: `palisade agent list`',
  'test-in-progress': 'wait until that test has ended, then ask again',
  'key-expired': 'leave --key out to make a new request; first see how the old one ended',
  'idempotency-key-reused': 'this key belongs to another request: leave --key out',
  'site-not-configured': 'apply a site file first: `palisade apply -f FILE`',
  'no-seal-key': 'enrol an agent first: `palisade agent enroll NAME`',
  'no-feeds': 'the server has no feeds that could be switched on',
  'revision-mismatch': 'somebody applied in between: look, and apply again',
  'database-unavailable': 'it may have been taken all the same: ask again with the same --key',
  'not-ready': 'the control plane is starting or has no database; try again shortly',
}

export function nextFor(code: string): string | undefined {
  return Object.hasOwn(NEXT, code) ? NEXT[code] : undefined
}
