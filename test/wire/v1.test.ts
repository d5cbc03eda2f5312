// The messages of protocol version 1 as they stand on the wire, in journals and in exported audits. When a
// test here fails, the code is wrong, not the test: do not change what version 1 looks like. A message that
// has to look different belongs to a new version with a file of its own.
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { beforeAll, describe, expect, test } from 'vitest'
import {
  hashRecord,
  signHead,
  signHello,
  signSite,
  verifyHead,
  verifyHello,
  verifySite,
} from '../../protocol/chain.ts'
import {
  importOpeningKey,
  importSealingKey,
  importSigningKey,
  importVerifyingKey,
  type SigningKey,
  type VerifyingKey,
} from '../../protocol/keys.ts'
import { fromAgentSchema, fromHubSchema } from '../../protocol/link.ts'
import { orderSchema } from '../../protocol/order.ts'
import { signOrder, verifyOrder } from '../../protocol/order-token.ts'
import { recordSchema } from '../../protocol/report.ts'
import { operationId, resetId } from '../../protocol/reset-id.ts'
import { openSealed, sealSecret } from '../../protocol/seal.ts'

// Made for this file alone; they protect nothing.
const SIGNING_JWK = {
  kty: 'OKP',
  crv: 'Ed25519',
  x: 'osYax-oVj65L62UbpIfpVUKm8d8zJsFE4imhxbz1u6M',
  d: 'vOeARpuLxHB13qQr2yOMteKKslj1vrIyPSLvDvzU0g4',
}
const SEALING_JWK = {
  kty: 'OKP',
  crv: 'X25519',
  x: 'olGaqOt7bSzW8eA576Q-II1dKX9cogA4KYad0-FnXWE',
  d: 'wOgq6m1WTcez50O74P2yOliJJtIfdWlOc4DmO192H1U',
}
const SIGNING_KID = 'nKMNk0v8XfLiGEkGREzKAf5o6nWrbweE-KEvh7Spi8s'
const SEALING_KID = '04XF427Cyn2slYMfWVKEfbDFyCA3Wxgez7tAB5WDw6I'

const RESET_ORDER =
  '{"v":1,"kind":"reset","id":"rst_0123456789abcdefghjkmnpqrs","site":"tokyo1","issuedAtMs":1795000000000,"expiresAtMs":1795000030000,"revision":7,"request":{"server":"PSERVER1","system":{"cluster":"db","number":10001},"requester":{"cluster":"db","number":10002,"address":"192.168.0.102","port":6001},"mode":"ladder","reason":"heartbeat lost","requestedBy":"system:db/10002","requestedAt":"2026-11-20T01:02:02.500000Z"},"plan":{"server":"PSERVER1","kind":"P","system":{"cluster":"db","number":10001,"address":"192.168.0.101","port":6001},"mode":"ladder","softMethod":"nmi","hardMethod":"reset","hardResetAfterMs":2500,"hardResetTimeoutMs":5000,"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"pduRecoveryWaitMs":10000,"holdUpMs":1000,"requireGrade":"acknowledged","bmc":{"address":"192.168.1.51","port":623}}}'
const RESTORE_ORDER =
  '{"v":1,"kind":"restore","id":"opr_0123456789abcdefghjkmnpqrs","site":"tokyo1","issuedAtMs":1795000000000,"expiresAtMs":1795000030000,"revision":7,"target":{"server":"PSERVER1"},"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"requestedBy":"key:ops"}'
const RESET_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLW9yZGVyK2p3dCIsImtpZCI6Im5LTU5rMHY4WGZMaUdFa0dSRXpLQWY1bzZuV3Jid2VFLUtFdmg3U3BpOHMifQ.eyJhdWQiOiJwYWxpc2FkZTpzaXRlOnRva3lvMSIsImp0aSI6InJzdF8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsImlhdCI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAwMDMwLCJvcmRlciI6eyJ2IjoxLCJpZCI6InJzdF8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsInNpdGUiOiJ0b2t5bzEiLCJpc3N1ZWRBdE1zIjoxNzk1MDAwMDAwMDAwLCJleHBpcmVzQXRNcyI6MTc5NTAwMDAzMDAwMCwicmV2aXNpb24iOjcsImtpbmQiOiJyZXNldCIsInJlcXVlc3QiOnsic2VydmVyIjoiUFNFUlZFUjEiLCJzeXN0ZW0iOnsiY2x1c3RlciI6ImRiIiwibnVtYmVyIjoxMDAwMX0sInJlcXVlc3RlciI6eyJjbHVzdGVyIjoiZGIiLCJudW1iZXIiOjEwMDAyLCJhZGRyZXNzIjoiMTkyLjE2OC4wLjEwMiIsInBvcnQiOjYwMDF9LCJtb2RlIjoibGFkZGVyIiwicmVhc29uIjoiaGVhcnRiZWF0IGxvc3QiLCJyZXF1ZXN0ZWRCeSI6InN5c3RlbTpkYi8xMDAwMiIsInJlcXVlc3RlZEF0IjoiMjAyNi0xMS0yMFQwMTowMjowMi41MDAwMDBaIn0sInBsYW4iOnsic2VydmVyIjoiUFNFUlZFUjEiLCJraW5kIjoiUCIsInN5c3RlbSI6eyJjbHVzdGVyIjoiZGIiLCJudW1iZXIiOjEwMDAxLCJhZGRyZXNzIjoiMTkyLjE2OC4wLjEwMSIsInBvcnQiOjYwMDF9LCJtb2RlIjoibGFkZGVyIiwic29mdE1ldGhvZCI6Im5taSIsImhhcmRNZXRob2QiOiJyZXNldCIsImhhcmRSZXNldEFmdGVyTXMiOjI1MDAsImhhcmRSZXNldFRpbWVvdXRNcyI6NTAwMCwiZmVlZHMiOlt7InBkdSI6InBkdS1hIiwicGR1QWRkcmVzcyI6IjE5Mi4xNjguMS4xMDEiLCJvdXRsZXQiOjN9LHsicGR1IjoicGR1LWIiLCJwZHVBZGRyZXNzIjoiMTkyLjE2OC4xLjEwMiIsIm91dGxldCI6M31dLCJwZHVSZWNvdmVyeVdhaXRNcyI6MTAwMDAsImhvbGRVcE1zIjoxMDAwLCJyZXF1aXJlR3JhZGUiOiJhY2tub3dsZWRnZWQiLCJibWMiOnsiYWRkcmVzcyI6IjE5Mi4xNjguMS41MSIsInBvcnQiOjYyM319fX0.4m-qpxsyFFGk1C9JYxUBPiuPGzCdNWm3Cuvb0RraHgIAfbFw_WsxPm3OmMCJ87XXBphSpsI993JfJMenIHcoAA'
const RESTORE_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLW9yZGVyK2p3dCIsImtpZCI6Im5LTU5rMHY4WGZMaUdFa0dSRXpLQWY1bzZuV3Jid2VFLUtFdmg3U3BpOHMifQ.eyJhdWQiOiJwYWxpc2FkZTpzaXRlOnRva3lvMSIsImp0aSI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsImlhdCI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAwMDMwLCJvcmRlciI6eyJ2IjoxLCJpZCI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsInNpdGUiOiJ0b2t5bzEiLCJpc3N1ZWRBdE1zIjoxNzk1MDAwMDAwMDAwLCJleHBpcmVzQXRNcyI6MTc5NTAwMDAzMDAwMCwicmV2aXNpb24iOjcsImtpbmQiOiJyZXN0b3JlIiwidGFyZ2V0Ijp7InNlcnZlciI6IlBTRVJWRVIxIn0sImZlZWRzIjpbeyJwZHUiOiJwZHUtYSIsInBkdUFkZHJlc3MiOiIxOTIuMTY4LjEuMTAxIiwib3V0bGV0IjozfSx7InBkdSI6InBkdS1iIiwicGR1QWRkcmVzcyI6IjE5Mi4xNjguMS4xMDIiLCJvdXRsZXQiOjN9XSwicmVxdWVzdGVkQnkiOiJrZXk6b3BzIn19.mjyc-XBB7Vn2vQ3pBlY2lIXWEXmGw8MoR02nZ-QECU6IpwJDrqsjIPoD9EEn5yMZzJYlSZH_EftlmZxxaNXpDA'
const SOFT_RESET_TEST_ORDER =
  '{"v":1,"kind":"soft-reset-test","id":"opr_0123456789abcdefghjkmnpqrs","site":"tokyo1","issuedAtMs":1795000000000,"expiresAtMs":1795000030000,"revision":7,"target":{"server":"PSERVER1"},"system":{"cluster":"db","number":10001,"address":"192.168.0.101","port":6001},"requestedBy":"key:ops"}'
const SOFT_RESET_TEST_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLW9yZGVyK2p3dCIsImtpZCI6Im5LTU5rMHY4WGZMaUdFa0dSRXpLQWY1bzZuV3Jid2VFLUtFdmg3U3BpOHMifQ.eyJhdWQiOiJwYWxpc2FkZTpzaXRlOnRva3lvMSIsImp0aSI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsImlhdCI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAwMDMwLCJvcmRlciI6eyJ2IjoxLCJpZCI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsInNpdGUiOiJ0b2t5bzEiLCJpc3N1ZWRBdE1zIjoxNzk1MDAwMDAwMDAwLCJleHBpcmVzQXRNcyI6MTc5NTAwMDAzMDAwMCwicmV2aXNpb24iOjcsImtpbmQiOiJzb2Z0LXJlc2V0LXRlc3QiLCJ0YXJnZXQiOnsic2VydmVyIjoiUFNFUlZFUjEifSwic3lzdGVtIjp7ImNsdXN0ZXIiOiJkYiIsIm51bWJlciI6MTAwMDEsImFkZHJlc3MiOiIxOTIuMTY4LjAuMTAxIiwicG9ydCI6NjAwMX0sInJlcXVlc3RlZEJ5Ijoia2V5Om9wcyJ9fQ.U91biieOGnPrqffuSf4h65YKn9Tdn2d9B3FvWizYmWymCCjCN9gQqff3dUk5XBZKXeQly_55PnuNTLbQNJ2vCg'
const PDU_TEST_ORDER =
  '{"v":1,"kind":"pdu-test","id":"opr_0123456789abcdefghjkmnpqrs","site":"tokyo1","issuedAtMs":1795000000000,"expiresAtMs":1795000030000,"revision":7,"target":{"server":"PSERVER1"},"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"test":{"mode":"serial","pdu":"pdu-a","offTimeMs":5000,"waitTimeMs":5000,"leaveUp":false},"requestedBy":"key:ops"}'
const PDU_TEST_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLW9yZGVyK2p3dCIsImtpZCI6Im5LTU5rMHY4WGZMaUdFa0dSRXpLQWY1bzZuV3Jid2VFLUtFdmg3U3BpOHMifQ.eyJhdWQiOiJwYWxpc2FkZTpzaXRlOnRva3lvMSIsImp0aSI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsImlhdCI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAwMDMwLCJvcmRlciI6eyJ2IjoxLCJpZCI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsInNpdGUiOiJ0b2t5bzEiLCJpc3N1ZWRBdE1zIjoxNzk1MDAwMDAwMDAwLCJleHBpcmVzQXRNcyI6MTc5NTAwMDAzMDAwMCwicmV2aXNpb24iOjcsImtpbmQiOiJwZHUtdGVzdCIsInRhcmdldCI6eyJzZXJ2ZXIiOiJQU0VSVkVSMSJ9LCJmZWVkcyI6W3sicGR1IjoicGR1LWEiLCJwZHVBZGRyZXNzIjoiMTkyLjE2OC4xLjEwMSIsIm91dGxldCI6M30seyJwZHUiOiJwZHUtYiIsInBkdUFkZHJlc3MiOiIxOTIuMTY4LjEuMTAyIiwib3V0bGV0IjozfV0sInRlc3QiOnsibW9kZSI6InNlcmlhbCIsInBkdSI6InBkdS1hIiwib2ZmVGltZU1zIjo1MDAwLCJ3YWl0VGltZU1zIjo1MDAwLCJsZWF2ZVVwIjpmYWxzZX0sInJlcXVlc3RlZEJ5Ijoia2V5Om9wcyJ9fQ.rsY7DubMDnqJxh9wu5HKKgu90cZMzy-QfPfIQf-MxFYG2EDKFKtCDVdfyeDjmGkajI9H3yEfFbOyonCFPtTYCw'
const EXERCISE_ORDER =
  '{"v":1,"kind":"pdu-test","id":"opr_0123456789abcdefghjkmnpqrs","site":"tokyo1","issuedAtMs":1795000000000,"expiresAtMs":1795000030000,"revision":7,"target":{"server":"HACON2","class":"M"},"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"test":{"mode":"serial","offTimeMs":30000,"waitTimeMs":5000,"leaveUp":false,"exercise":{"id":"exr_0123456789abcdefghjkmnpqrs","offTimeMs":5000,"trustUnregistered":false}},"requestedBy":"key:ops"}'
const EXERCISE_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLW9yZGVyK2p3dCIsImtpZCI6Im5LTU5rMHY4WGZMaUdFa0dSRXpLQWY1bzZuV3Jid2VFLUtFdmg3U3BpOHMifQ.eyJhdWQiOiJwYWxpc2FkZTpzaXRlOnRva3lvMSIsImp0aSI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsImlhdCI6MTc5NTAwMDAwMCwiZXhwIjoxNzk1MDAwMDMwLCJvcmRlciI6eyJ2IjoxLCJpZCI6Im9wcl8wMTIzNDU2Nzg5YWJjZGVmZ2hqa21ucHFycyIsInNpdGUiOiJ0b2t5bzEiLCJpc3N1ZWRBdE1zIjoxNzk1MDAwMDAwMDAwLCJleHBpcmVzQXRNcyI6MTc5NTAwMDAzMDAwMCwicmV2aXNpb24iOjcsImtpbmQiOiJwZHUtdGVzdCIsInRhcmdldCI6eyJzZXJ2ZXIiOiJIQUNPTjIiLCJjbGFzcyI6Ik0ifSwiZmVlZHMiOlt7InBkdSI6InBkdS1hIiwicGR1QWRkcmVzcyI6IjE5Mi4xNjguMS4xMDEiLCJvdXRsZXQiOjN9LHsicGR1IjoicGR1LWIiLCJwZHVBZGRyZXNzIjoiMTkyLjE2OC4xLjEwMiIsIm91dGxldCI6M31dLCJ0ZXN0Ijp7Im1vZGUiOiJzZXJpYWwiLCJvZmZUaW1lTXMiOjMwMDAwLCJ3YWl0VGltZU1zIjo1MDAwLCJsZWF2ZVVwIjpmYWxzZSwiZXhlcmNpc2UiOnsiaWQiOiJleHJfMDEyMzQ1Njc4OWFiY2RlZmdoamttbnBxcnMiLCJvZmZUaW1lTXMiOjUwMDAsInRydXN0VW5yZWdpc3RlcmVkIjpmYWxzZX19LCJyZXF1ZXN0ZWRCeSI6ImtleTpvcHMifX0.iCLTaG1q6wVPVBynJzMlhDt4Drz4N2heXtyVZga4LIgto_8TKaWzRqQfTTUtiojjtHbQnWe-8tGuaWOoJE9SAA'
const HELLO_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLWhlbGxvK2p3dCIsImtpZCI6Im5LTU5rMHY4WGZMaUdFa0dSRXpLQWY1bzZuV3Jid2VFLUtFdmg3U3BpOHMifQ.eyJ2IjoxLCJzaXRlIjoidG9reW8xIiwiYWdlbnQiOiJIQUNPTjEiLCJub25jZSI6ImJtOXVZMlUiLCJzdGFydCI6MywiZXBvY2giOjUsImhlYWQiOjQxLCJyZXZpc2lvbiI6NywidmVyc2lvbiI6IjAuMS4wIn0.LRtygfhKqfI087lIeSKLAukNHl1Hu9P1PgNyC3wzFQmPTA-_UBVt6bcZibBHJaHqZWttrJv95Rssdth78h7DBQ'
const HEAD_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLWhlYWQrand0Iiwia2lkIjoibktNTmswdjhYZkxpR0VrR1JFektBZjVvNm5XcmJ3ZUUtS0V2aDdTcGk4cyJ9.eyJ2IjoxLCJzaXRlIjoidG9reW8xIiwiYWdlbnQiOiJIQUNPTjEiLCJzZXEiOjQxLCJoYXNoIjoiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYmFiYWJhYiJ9.qrQ3r8SPfKj-X-5JeWUxGGTU3nmRC-UUgQwukEyYMNgHdrsvNouRUT06gd7VIjuZlSCY7wICqrnnG3cPJB7eCQ'
const SITE_TOKEN =
  'eyJhbGciOiJFZERTQSIsInR5cCI6InBhbGlzYWRlLXNpdGUrand0Iiwia2lkIjoibktNTmswdjhYZkxpR0VrR1JFektBZjVvNm5XcmJ3ZUUtS0V2aDdTcGk4cyJ9.eyJ2IjoxLCJzaXRlIjoidG9reW8xIiwicmV2aXNpb24iOjcsImRvY3VtZW50Ijp7ImFwaVZlcnNpb24iOiJwYWxpc2FkZS92MSIsImtpbmQiOiJTaXRlIn19.FxIBO-lYyTYm0j-1l6Pr5kus3JZibHjFivYxd3jjHSQvkcYNG81dDA0lzd-UZh3ch1JEJmz-YtMSw7x7vApnDQ'
const SEALED =
  'eyJhbGciOiJFQ0RILUVTK0EyNTZLVyIsImVuYyI6IkEyNTZHQ00iLCJ0eXAiOiJwYWxpc2FkZS1zZWFsZWQiLCJraWQiOiIwNFhGNDI3Q3luMnNsWU1mV1ZLRWZiREZ5Q0EzV3hnZXo3dEFCNVdEdzZJIiwic2l0ZSI6InRva3lvMSIsImVwayI6eyJ4IjoiU3ZrWU9QaVp0RGlHR0NpTkpQUEVlOGN0S3NkVDhKUmJtYXF1c2d4UFowSSIsImNydiI6IlgyNTUxOSIsImt0eSI6Ik9LUCJ9fQ.zO5rgXc1HHLgHXfb-DixGtF1cE0t675DpSLTk41Ropg8CruLIQHZZQ.U0W-AYg_Dvr4cgB9.lOYiockD_k_g8HVpRrFbgbY8z2XtGos3ev0ZHnlYvXpYVboZdeCV74iHzYj7KWNwTlPg5w0x8dzDWtYgXiSeHNVk9p6F_UQVso1X5ViJ5p5BVKRVAcnRGEIIuEup8cjX0K3vJ9Szo_QJybOAZzoKWAiK3z-On1Ch-_UNfRfu01oZDnRiBUt7mmQZGF3g89Z0ox_ktgCiAe0lOIRoOfhbGO9GBWzb9syW-i6QpGzre1q1KAzkQaVslsWpivaZ_o6_nw6VyMDaqGZ-NDtKDEgA4m7MtADUy2Dbqq1kmCZIEFGB98HVSYuBBZgY-sjcs__LKsMJqtkRO_RiN2bdFEBLv7PUQ0-MVk6uQg.WpKpG9y9ioZ5uOO_MVjutQ'

/** A record of every kind, as its line in a journal and its hash in the chain. */
const RECORDS: [string, string][] = [
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":1,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000001Z","kind":"started","version":"0.1.0","bootId":"b1"}',
    'f269dc248bc655adb7592e036e2fc8c15ad61006ada6a75be4671c669b55f57d',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":2,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000002Z","kind":"configured","revision":7,"detail":"from the control plane"}',
    '54324c35977a2bca1b05d6a94ecc769e7f89e18431b8fbf55a67c6a52ed0b593',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":3,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000003Z","kind":"accepted","order":"rst_0123456789abcdefghjkmnpqrs","token":null,"request":{"server":"PSERVER1","system":{"cluster":"db","number":10001},"requester":{"cluster":"db","number":10002,"address":"192.168.0.102","port":6001},"mode":"ladder","reason":"heartbeat lost","requestedBy":"system:db/10002","requestedAt":"2026-11-20T01:02:02.500000Z"},"plan":{"server":"PSERVER1","kind":"P","system":{"cluster":"db","number":10001,"address":"192.168.0.101","port":6001},"mode":"ladder","softMethod":"nmi","hardMethod":"reset","hardResetAfterMs":2500,"hardResetTimeoutMs":5000,"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"pduRecoveryWaitMs":10000,"holdUpMs":1000,"requireGrade":"acknowledged","bmc":{"address":"192.168.1.51","port":623}},"mono":{"bootId":"b1","ms":5000.25}}',
    '3535b9582dfd4cb59654d6379ad66111750905070493e455f38dff1ff2138af3',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":4,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000004Z","kind":"refused","order":"rst_0123456789abcdefghjkmnpqrs","token":null,"code":"pair-guard","result":"FAIL","detail":"the partner has an open ladder","request":{"server":"PSERVER1","system":{"cluster":"db","number":10001},"requester":{"cluster":"db","number":10002,"address":"192.168.0.102","port":6001},"mode":"ladder","reason":"heartbeat lost","requestedBy":"system:db/10002","requestedAt":"2026-11-20T01:02:02.500000Z"}}',
    'd7ea24022d1078d50455a9f2e4ac728e365788ccbb5d101b3207f7037b544fe6',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":5,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000005Z","kind":"intent","order":"rst_0123456789abcdefghjkmnpqrs","shot":{"id":1,"rung":"soft","device":{"kind":"bmc"},"action":"nmi"},"mono":{"bootId":"b1","ms":5000.25}}',
    '2d21b2e93e49b99472956e1cc56a54dd6650ff42aac2370fdb64ddaf709ed792',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":6,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000006Z","kind":"answer","order":"rst_0123456789abcdefghjkmnpqrs","shot":1,"answer":"accepted","detail":"","mono":{"bootId":"b1","ms":5000.25}}',
    'f8936c09135f724f211482048a1b1fa5048fd35791996a84551567cb6494f774',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":7,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000007Z","kind":"noticed","order":"rst_0123456789abcdefghjkmnpqrs","server":"PSERVER1","system":{"cluster":"db","number":10001,"address":"192.168.0.101","port":6001},"address":"192.168.0.101","port":7410,"mono":{"bootId":"b1","ms":5000.25}}',
    '345a1070f0400183aefb09daaa4117ca9408b4aa6bfb90e9a417d40d8516283f',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":8,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000008Z","kind":"concluded","order":"rst_0123456789abcdefghjkmnpqrs","conclusion":{"result":"DUMP","fenced":true,"grade":"acknowledged","evidence":[{"source":"system:10001","said":"stop notice","at":"2026-11-20T01:02:03.000004Z"}]},"mono":{"bootId":"b1","ms":5000.25}}',
    'bdef487d8f315208d05338e11d4496b0c9f2f65dfe2241fef245052fc44f9dc8',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":9,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000009Z","kind":"recovery","order":"rst_0123456789abcdefghjkmnpqrs","recovery":"waiting","detail":"","mono":{"bootId":"b1","ms":5000.25}}',
    '27e314c52caa5c92df1e956a22ec00e5649c6e72c4d8b3796b830565f2cd5a60',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":10,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000010Z","kind":"ended","order":"rst_0123456789abcdefghjkmnpqrs"}',
    '6d2693bbb9467528015e3e1162d329cf54103430dcac5442edb79e4d83d8ac3e',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":11,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000011Z","kind":"settled","order":"rst_0123456789abcdefghjkmnpqrs","shot":1,"detail":"answered a later read"}',
    '55099de2d5566889dc9357ffe9a09616b598b53f0e39b91db8dccda9bcf774b0',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":12,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000012Z","kind":"operation","order":"opr_0123456789abcdefghjkmnpqrs","operation":"restore","target":{"server":"PSERVER1"},"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"requestedBy":"key:ops","token":null,"mono":{"bootId":"b1","ms":5000.25}}',
    'b50eb40349b8aacf2752709649feccfc9611f5c37b4c8fafe1d19b95ca0fed12',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":13,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000013Z","kind":"operation-ended","order":"opr_0123456789abcdefghjkmnpqrs","status":"done","detail":""}',
    '5410b076e2e25ae394009cd9c9787329d96992f454e4f63fbea96d4d2021d3ed',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":14,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000014Z","kind":"observed","subject":"outlet","name":"pdu-a/3","attribute":"state","value":"Enable","detail":"","readAt":"2026-11-20T01:02:03.000004Z"}',
    '85a703c4689611e05a25a22998f2597e96b8ac8f038c98dd3c8d79277b269b81',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":15,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000015Z","kind":"alarm","code":"fence-refuted","subject":"db/10001","detail":"","raised":true}',
    'e4dcec25f629a76fb116f312351903edb11fa0dc14e004f76105db772aa25a8e',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":16,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000016Z","kind":"accepted","order":"rst_0123456789abcdefghjkmnpqrs","token":null,"request":{"server":"PSERVER1","system":{"cluster":"db","number":10001},"requester":{"cluster":"db","number":10002,"address":"192.168.0.102","port":6001},"mode":"ladder","reason":"heartbeat lost","requestedBy":"system:db/10002","requestedAt":"2026-11-20T01:02:02.500000Z"},"plan":{"server":"PSERVER1","kind":"P","system":{"cluster":"db","number":10001,"address":"192.168.0.101","port":6001},"mode":"ladder","softMethod":"nmi","hardMethod":"reset","hardResetAfterMs":2500,"hardResetTimeoutMs":5000,"feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"pduRecoveryWaitMs":10000,"holdUpMs":1000,"requireGrade":"acknowledged","bmc":{"address":"192.168.1.51","port":623}},"recentNotice":true,"loose":true,"wiringProvenAt":"2026-11-20T01:02:03.000004Z","leftOff":[{"pdu":"pdu-a","outlet":3}],"mono":{"bootId":"b1","ms":5000.25}}',
    '701912efd09fd50470bd2cacd38669637e2193fc923504c8d63780a172f92160',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":17,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000017Z","kind":"operation","order":"opr_0123456789abcdefghjkmnpqrs","target":{"server":"PSERVER1"},"operation":"soft-reset-test","system":{"cluster":"db","number":10001,"address":"192.168.0.101","port":6001},"feeds":[],"requestedBy":"key:ops","token":null,"mono":{"bootId":"b1","ms":5000.25}}',
    '72e5df65f13e1559ab499e6f5ea710227a27c4c87e18aa28a9c5c67c9d0525eb',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":18,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000018Z","kind":"operation","order":"opr_0123456789abcdefghjkmnpqrs","target":{"server":"PSERVER1"},"operation":"pdu-test","feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"test":{"mode":"serial","pdu":"pdu-a","offTimeMs":5000,"waitTimeMs":5000,"leaveUp":false},"requestedBy":"key:ops","token":null,"mono":{"bootId":"b1","ms":5000.25}}',
    'c923cda32214cdfe93667f1b98c201b9a5d9858feba71991334a0d010daa1ca7',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":19,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000019Z","kind":"operation-ended","order":"opr_0123456789abcdefghjkmnpqrs","status":"failed","detail":"","code":"mis-cabled","feeds":[{"pdu":"pdu-a","outlet":3,"verdict":"mis-cabled","loss":{"server":"PSERVER2","sensor":81,"what":"input lost","lostAt":"2026-11-20T01:02:03.000004Z","returnedAt":"2026-11-20T01:02:03.000004Z"}},{"pdu":"pdu-b","outlet":3,"verdict":"not-logged"}],"wiringProven":false}',
    '88833e4fb8272c088e62fc68fd0ddfe17fc0383e23045720c7be4abd1ffbc165',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":20,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000020Z","kind":"observed","subject":"server","detail":"","name":"PSERVER1","attribute":"wiring","value":"proven","readAt":"2026-11-20T01:02:03.000004Z"}',
    'd257a00aa7624b090743e52f3bc06eabbbddc4fcf8cc7bec27bc967921e141db',
  ],
  [
    '{"v":1,"site":"tokyo1","agent":"HACON1","start":1,"epoch":1,"seq":21,"prev":"0000000000000000000000000000000000000000000000000000000000000000","at":"2026-11-20T01:02:03.000021Z","kind":"operation","order":"opr_0123456789abcdefghjkmnpqrs","target":{"server":"HACON2","class":"M"},"operation":"pdu-test","feeds":[{"pdu":"pdu-a","pduAddress":"192.168.1.101","outlet":3},{"pdu":"pdu-b","pduAddress":"192.168.1.102","outlet":3}],"test":{"mode":"serial","offTimeMs":30000,"waitTimeMs":5000,"leaveUp":false,"exercise":{"id":"exr_0123456789abcdefghjkmnpqrs","offTimeMs":5000,"trustUnregistered":false}},"requestedBy":"key:ops","token":null,"mono":{"bootId":"b1","ms":5000.25}}',
    '3db6fa4177991aec26a09f54cf2a5fdc28c220af81b97997aeb0074464c642a6',
  ],
]

const HELLO = {
  v: 1,
  site: 'tokyo1',
  agent: 'HACON1',
  nonce: 'bm9uY2U',
  start: 3,
  epoch: 5,
  head: 41,
  revision: 7,
  version: '0.1.0',
} as const
const HEAD = { v: 1, site: 'tokyo1', agent: 'HACON1', seq: 41, hash: 'ab'.repeat(32) } as const
const SIGNED_SITE = {
  v: 1,
  site: 'tokyo1',
  revision: 7,
  document: { apiVersion: 'palisade/v1', kind: 'Site' },
} as const

let key: SigningKey
let keys: VerifyingKey[]

beforeAll(async () => {
  key = await importSigningKey(SIGNING_JWK)
  keys = [await importVerifyingKey(SIGNING_JWK)]
})

test('a key is known by its RFC 7638 thumbprint', async () => {
  expect(key.kid).toBe(SIGNING_KID)
  expect((await importSealingKey(SEALING_JWK)).kid).toBe(SEALING_KID)
})

describe('an order', () => {
  test.each([
    ['reset', RESET_TOKEN, RESET_ORDER],
    ['restore', RESTORE_TOKEN, RESTORE_ORDER],
    ['soft-reset-test', SOFT_RESET_TEST_TOKEN, SOFT_RESET_TEST_ORDER],
    ['pdu-test', PDU_TEST_TOKEN, PDU_TEST_ORDER],
    ['pdu-test of an exercise', EXERCISE_TOKEN, EXERCISE_ORDER],
  ])('to %s of version 1 is understood', async (_, token, order) => {
    const nowMs = 1_795_000_001_000
    expect(await verifyOrder(token, { keys, site: 'tokyo1', nowMs })).toEqual({
      order: JSON.parse(order),
    })
  })

  test.each([
    ['reset', RESET_TOKEN, RESET_ORDER],
    ['restore', RESTORE_TOKEN, RESTORE_ORDER],
    ['soft-reset-test', SOFT_RESET_TEST_TOKEN, SOFT_RESET_TEST_ORDER],
    ['pdu-test', PDU_TEST_TOKEN, PDU_TEST_ORDER],
    ['pdu-test of an exercise', EXERCISE_TOKEN, EXERCISE_ORDER],
  ])('to %s is signed as version 1', async (_, token, order) => {
    const signed = await signOrder(orderSchema.parse(JSON.parse(order)), key)
    expect(decodeJwt(signed)).toEqual(decodeJwt(token))
    expect(decodeProtectedHeader(signed)).toEqual({
      alg: 'EdDSA',
      typ: 'palisade-order+jwt',
      kid: SIGNING_KID,
    })
  })

  test('names its audience, its id and its life in registered claims', () => {
    const { order: _, ...claims } = decodeJwt(RESET_TOKEN)
    expect(claims).toEqual({
      aud: 'palisade:site:tokyo1',
      jti: 'rst_0123456789abcdefghjkmnpqrs',
      iat: 1_795_000_000,
      exp: 1_795_000_030,
    })
  })
})

test('ids of version 1 are the same for ever', () => {
  expect(resetId('tokyo1', 'key-1')).toBe('rst_2vn5p1m7w4hb6mhyh08qbcd7sa')
  expect(operationId('tokyo1', 'key-1')).toBe('opr_phjs3mcv0t92bmgw7z45rkemyb')
})

test.each(RECORDS)('the record %s is understood and has its hash', (line, hash) => {
  const record = JSON.parse(line)
  expect(recordSchema.parse(record)).toEqual(record)
  expect(hashRecord(record)).toBe(hash)
})

test('hello, head and site of version 1 are understood', async () => {
  const site = 'tokyo1'
  expect(await verifyHello(HELLO_TOKEN, { keys, site, nonce: 'bm9uY2U' })).toEqual({
    hello: HELLO,
    kid: SIGNING_KID,
  })
  expect(await verifyHead(HEAD_TOKEN, { keys, site, agent: 'HACON1' })).toEqual({
    head: HEAD,
    kid: SIGNING_KID,
  })
  expect(await verifySite(SITE_TOKEN, { keys, site })).toEqual({
    site: SIGNED_SITE,
    kid: SIGNING_KID,
  })
})

test('hello, head and site are signed as version 1', async () => {
  const pairs = [
    [await signHello(HELLO, key), HELLO_TOKEN, 'palisade-hello+jwt'],
    [await signHead(HEAD, key), HEAD_TOKEN, 'palisade-head+jwt'],
    [await signSite(SIGNED_SITE, key), SITE_TOKEN, 'palisade-site+jwt'],
  ] as const
  for (const [signed, frozen, typ] of pairs) {
    expect(decodeJwt(signed)).toEqual(decodeJwt(frozen))
    expect(decodeProtectedHeader(signed)).toEqual({ alg: 'EdDSA', typ, kid: SIGNING_KID })
  }
})

describe('a sealed credential', () => {
  const scope = { site: 'tokyo1', purpose: 'server:PSERVER1:bmc' }

  test('of version 1 opens', async () => {
    const opening = await importOpeningKey(SEALING_JWK)
    expect(await openSealed(SEALED, scope, opening)).toEqual({ secret: 's3cret' })
  })

  test('is sealed as version 1', async () => {
    const sealed = await sealSecret('s3cret', scope, await importSealingKey(SEALING_JWK))
    const { epk, ...header } = decodeProtectedHeader(sealed)
    expect(header).toEqual({
      alg: 'ECDH-ES+A256KW',
      enc: 'A256GCM',
      typ: 'palisade-sealed',
      kid: SEALING_KID,
      site: 'tokyo1',
    })
    expect(epk).toMatchObject({ kty: 'OKP', crv: 'X25519' })
  })
})

test.each([
  `{"type":"hello","token":"${HELLO_TOKEN}"}`,
  `{"type":"report","records":[],"head":"${HEAD_TOKEN}"}`,
  '{"type":"journalled","order":"rst_0123456789abcdefghjkmnpqrs"}',
  '{"type":"ping"}',
])('the hub understands %s', (line) => {
  expect(fromAgentSchema.parse(JSON.parse(line))).toEqual(JSON.parse(line))
})

test.each([
  '{"type":"challenge","v":1,"nonce":"bm9uY2U","nowMs":1795000000000}',
  '{"type":"welcome","received":41,"nowMs":1795000000000}',
  `{"type":"site","token":"${SITE_TOKEN}","nowMs":1795000000000}`,
  `{"type":"order","token":"${RESET_TOKEN}","nowMs":1795000000000}`,
  '{"type":"received","seq":41,"nowMs":1795000000000}',
  '{"type":"pong","nowMs":1795000000000}',
  '{"type":"pong"}',
])('the agent understands %s', (line) => {
  expect(fromHubSchema.parse(JSON.parse(line))).toEqual(JSON.parse(line))
})
