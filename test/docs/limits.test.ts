/** The limits and times in the specifications are those of the code. */
import { expect, it } from 'vitest'
import { TOKEN_LIFETIME_MAX_MS } from '../../src/auth/tokens/token-keys.ts'
import { RETRY_FOR_MS } from '../../src/events/delivery/retry-schedule.ts'
import { MAX_WEBHOOKS } from '../../src/events/webhooks/endpoints.ts'
import { ROTATION_OVERLAP_MS } from '../../src/events/webhooks/signature.ts'
import { DRAIN_AT_MOST_BYTES } from '../../src/lib/drain.ts'
import { ANSWER_BYTES } from '../../src/lib/outgoing-request.ts'
import { RANGES_AT_MOST } from '../../src/lib/range.ts'
import { ORPHAN_AGE_MS, ORPHAN_GRACE_MS } from '../../src/maintenance/sweep-orphans.ts'
import { ENTRY_LIMIT, MANIFEST_LIMIT_BYTES } from '../../src/oci/manifest.ts'
import { REPOSITORY_NAME_LIMIT } from '../../src/oci/name.ts'
import { TOKENS_PER_ACCOUNT_MAX } from '../../src/store/access/access-tokens.ts'
import { PART_BYTES, SIZES } from '../../src/store/bytes/buffer-pool.ts'
import { R2_LIMITS } from '../../src/store/bytes/r2-blob-store.ts'
import { REMOVED_KEPT_MS } from '../../src/store/bytes/tombstones.ts'
import { INLINE_MANIFEST_BYTES } from '../../src/store/registry/put-manifest.ts'
import { CASCADE_AT_MOST } from '../../src/store/registry/remove-unreachable.ts'
import { DISCARD_AGAIN_MS, IDLE_TTL_MS, UPLOAD_TTL_MS } from '../../src/uploads/session-alarm.ts'
import { formatUploadId, newUpload } from '../../src/uploads/upload-id.ts'
import { foundIn, pageOf } from './pages.ts'

const KIB = 1024
const MIB = 1024 * KIB
const GIB = 1024 * MIB
const HOUR_MS = 60 * 60 * 1000
const DAY_MS = 24 * HOUR_MS

const number = (value: number) => value.toLocaleString('en')

/** A constant that its file does not export. */
function constant(file: string, name: string): number {
  const [text = ''] = foundIn(file, new RegExp(`\\b${name} = ([\\d_]+)$`, 'gm'))
  if (text === '') throw new Error(`${file} has no number ${name}`)
  return Number(text.replaceAll('_', ''))
}

const session = (name: string) => constant('uploads/upload-session.ts', name)
const buffers = (name: string) => constant('uploads/chunk-buffers.ts', name)
const guard = (name: string) => constant('auth/login/login-guard.ts', name)

/** What each page says, with the numbers of the code. */
const SAID: Record<string, string[]> = {
  'http-api': [
    `at most ${REPOSITORY_NAME_LIMIT} characters`,
    `larger than ${number(MANIFEST_LIMIT_BYTES)} bytes`,
    `Each list has at most ${number(ENTRY_LIMIT)} entries`,
    `up to ${number(RANGES_AT_MOST)} ranges`,
    `up to ${number(CASCADE_AT_MOST)} manifests in one transaction`,
    `more than ${constant('registry/manifests/push-manifest.ts', 'TAGS_AT_MOST')} tags`,
    `up to ${DRAIN_AT_MOST_BYTES / MIB} MiB and ${constant('lib/drain.ts', 'DRAIN_AT_MOST_MS') / 1000} seconds`,
    `took ${constant('http/middleware/guard.ts', 'RIGHT_LASTS_MS') / 1000} seconds or longer`,
    `signed for ${constant('http/v2/blob-redirect.ts', 'EXPIRES_SECONDS')} seconds`,
    `each for at most ${constant('http/base.ts', 'PROBE_TIMEOUT_MS') / 1000} seconds`,
    `Only the first ${constant('auth/tokens/scopes.ts', 'SCOPE_LIMIT')} count`,
    `Retry-After: ${constant('http/middleware/rate-limit.ts', 'RETRY_SECONDS')}`,
    `valid for ${constant('http/middleware/cross-origin.ts', 'PREFLIGHT_SECONDS')} seconds`,
  ],
  'upload-protocol': [
    `of at most ${R2_LIMITS.wholeBytes / GIB} GiB`,
    `parts of ${PART_BYTES / MIB} MiB`,
    `${number(R2_LIMITS.parts)} parts of ${PART_BYTES / MIB} MiB (${((R2_LIMITS.parts * PART_BYTES) / GIB).toFixed(1)} GiB)`,
    `${UPLOAD_TTL_MS / DAY_MS} days after the \`POST\``,
    `after ${IDLE_TTL_MS / HOUR_MS} hours: it becomes`,
    `tries again every ${DISCARD_AGAIN_MS === HOUR_MS ? 'hour' : '?'}`,
    `waits for ${session('TURN_PATIENCE_MS') / 1000} second,`,
    `sent nothing for ${session('TAKE_OVER_AFTER_MS') / 1000} seconds`,
    `for at most ${session('SETTLE_MS') / 1000} seconds`,
    `a buffer of ${SIZES.piece.bytes / KIB} KiB`,
    `none is free for ${buffers('PIECE_PATIENCE_MS') / 1000} seconds`,
    `after ${SIZES.piece.bytes / KIB} KiB or ${buffers('PIECE_MS') / 1000} seconds`,
    `at least ${number(buffers('FAST_BYTES_PER_MS') * 1000)} bytes a second`,
  ],
  'data-model': [
    `more than ${INLINE_MANIFEST_BYTES / KIB} KiB`,
    `At most ${number(TOKENS_PER_ACCOUNT_MAX)} for an account`,
    `buries them for ${ORPHAN_GRACE_MS / DAY_MS} days`,
    `tombstones ${REMOVED_KEPT_MS / DAY_MS} days after their bytes`,
    `more than ${constant('maintenance/sweep-orphans.ts', 'UNSUSPICIOUS_ORPHANS')} orphans`,
    `up to ${guard('KNOWN_MAX')} networks`,
  ],
  tokens: [
    `${TOKEN_LIFETIME_MAX_MS / DAY_MS} days after \`iat\``,
    `at most ${number(constant('auth/tokens/signed-tokens.ts', 'TOKEN_LIMIT'))} characters`,
    `with ${constant('auth/tokens/signed-tokens.ts', 'LEEWAY_SECONDS')} seconds for clocks`,
    `remembers this for at most ${constant('auth/login/sessions.ts', 'HELD_MS') / 1000} seconds`,
    `at most ${constant('auth/federation/claim-conditions.ts', 'CONDITIONS_MAX')} conditions`,
    `must wait ${guard('FIRST_WAIT_MS') / 1000} seconds`,
    `within ${constant('auth/tokens/token-keys.ts', 'CACHE_MS') / 1000} seconds`,
    `at most once in ${constant('auth/federation/remote-keys.ts', 'SEARCH_MS') / 1000} seconds`,
  ],
  events: [
    `at most ${MAX_WEBHOOKS} webhooks`,
    `for ${ROTATION_OVERLAP_MS / HOUR_MS} hours more`,
    `${RETRY_FOR_MS / HOUR_MS} hours by default`,
    `to ${ANSWER_BYTES / KIB} KiB`,
    `to ${constant('events/delivery/retry-schedule.ts', 'FIRST_DELAY_SECONDS')} seconds × 2^`,
    `more than ${number(constant('store/events/outbox.ts', 'LARGEST_EVENT_CHARACTERS'))} characters`,
    `The last ${constant('store/events/deliveries.ts', 'KEPT_OF_AN_ENDPOINT')} of an endpoint`,
    `at most ${constant('events/delivery/turn.ts', 'TURN_MS') / 1000} seconds of attempts`,
    `reads at most ${number(constant('http/api/events.ts', 'SCANNED_MAX'))} events`,
    `at most ${number(constant('lib/outgoing-address.ts', 'URL_LIMIT'))} characters`,
  ],
}

it.each(Object.entries(SAID))('%s.md has the numbers of the code', (name, sentences) => {
  const text = pageOf(`spec/${name}.md`).replace(/\s+/g, ' ')
  for (const sentence of sentences) expect(text).toContain(sentence)
})

it('an orphan is as old as the page says, and an id as long', async () => {
  expect(pageOf('spec/data-model.md')).toMatch(
    new RegExp(`younger than ${ORPHAN_AGE_MS / DAY_MS}\\s+days`),
  )
  const key = await crypto.subtle.importKey(
    'raw',
    new Uint8Array(32),
    { name: 'HMAC', hash: 'SHA-256' },
    false,
    ['sign'],
  )
  const id = await formatUploadId(key, { repository: 'a', subject: '' }, newUpload('sha256'))
  expect(pageOf('spec/upload-protocol.md')).toContain(`without padding: ${id.length} characters`)
})
