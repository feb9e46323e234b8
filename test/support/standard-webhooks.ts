/**
 * What a receiver does with a delivery's headers, by Standard Webhooks 1.0.0, "Verifying webhook authenticity": written with other
 * means than the registry's signatures, so that it can prove them.
 */
import { createHmac, timingSafeEqual } from 'node:crypto'

const TOLERANCE_SECONDS = 5 * 60

/** Why the delivery is not to be trusted; null where it is. `secret` is `whsec_` and base64. */
export function deliveryProblem(
  secret: string,
  headers: Headers,
  body: string,
  nowSeconds: number,
): string | null {
  const id = headers.get('webhook-id')
  const timestamp = headers.get('webhook-timestamp')
  const signatures = headers.get('webhook-signature')
  if (id === null || timestamp === null || signatures === null) return 'a header is missing'
  if (!/^\d+$/.test(timestamp)) return 'the timestamp is no number'
  if (Math.abs(nowSeconds - Number(timestamp)) > TOLERANCE_SECONDS) return 'too old or too new'
  const expected = createHmac('sha256', Buffer.from(secret.replace('whsec_', ''), 'base64'))
    .update(`${id}.${timestamp}.${body}`)
    .digest()
  const isSigned = signatures.split(' ').some((signature) => {
    const [version, value = ''] = signature.split(',')
    const bytes = Buffer.from(value, 'base64')
    return version === 'v1' && bytes.length === expected.length && timingSafeEqual(bytes, expected)
  })
  return isSigned ? null : 'no signature fits'
}
