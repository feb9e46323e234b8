/**
 * The token endpoint. A challenge sends clients here for a bearer token. It grants the requested scopes that the caller has a right to,
 * possibly none. Only wrong credentials are an error.
 */
import type { Context } from 'hono'
import { identityOfIdToken } from '../auth/federation/id-tokens.ts'
import type { AuthContext } from '../auth/login/auth-settings.ts'
import { unauthorized } from '../auth/login/challenge.ts'
import type { Identity } from '../auth/login/identity.ts'
import { anonymousIdentity, login, requireCredentials } from '../auth/login/login.ts'
import { noteSession } from '../auth/login/sessions.ts'
import { issueToken } from '../auth/tokens/bearer-tokens.ts'
import { grantScopes } from '../auth/tokens/grant-scopes.ts'
import { issueRefreshToken, redeemRefreshToken } from '../auth/tokens/refresh-tokens.ts'
import { formatScope } from '../auth/tokens/scopes.ts'
import {
  ACCESS_TOKEN_TYPE,
  badRequest,
  type Proof,
  parseTokenForm,
  parseTokenQuery,
  type TokenRequest,
} from '../auth/tokens/token-requests.ts'
import { readBody } from '../lib/read-body.ts'
import { RegistryError } from '../oci/errors.ts'
import { type AppEnv, authContext, factory } from './middleware/context.ts'
import { allow } from './middleware/guard.ts'

const FORM_LIMIT = 64 * 1024
const FORM_TYPE = 'application/x-www-form-urlencoded'

export const token = factory
  .createApp()
  .get('/', allow('none'), (c) =>
    answer(c, async () =>
      parseTokenQuery(new URL(c.req.url).searchParams, c.req.header('Authorization') ?? null),
    ),
  )
  .post('/', allow('none'), (c) => answer(c, async () => parseTokenForm(await readForm(c))))

async function answer(c: Context<AppEnv>, read: () => Promise<TokenRequest>): Promise<Response> {
  c.header('Cache-Control', 'no-store')
  const context = authContext(c)
  requireTokenService(context)
  if (c.get('hooks').authenticate !== null) throw noTokens('this registry does not issue tokens')
  await requireCredentials(context)
  try {
    return c.json(await replyTo(await read(), context))
  } catch (error) {
    throw error instanceof RegistryError && error.status === 401 ? loginRefusal(error) : error
  }
}

/** RFC 6749, 5.1, together with docker/distribution's names for the same fields; RFC 8693, 2.2.1. */
async function replyTo(request: TokenRequest, context: AuthContext) {
  const { db, settings } = context
  const { proof, scopes, service, offline, grantType } = request
  if (service !== null && service !== settings.tokenService) {
    throw badRequest(
      `this endpoint issues tokens only for ${settings.tokenService}`,
      'invalid_target',
    )
  }
  const identity = await identify(context, proof)
  const { subject, session, rights } = identity
  const granted = grantScopes(rights, scopes)
  noteSession(db, identity)
  const isKnown = identity.kind !== 'trust'
  const grant = { subject, session, isKnown, ...granted }
  const { token, expiresIn, issuedAt } = await issueToken(db, settings, grant)
  const isFirst = proof.kind !== 'refresh token'
  const refresh = offline && isFirst ? await issueRefreshToken(db, settings, identity) : null
  return {
    token,
    access_token: token,
    expires_in: expiresIn,
    issued_at: issuedAt.toISOString(),
    ...(refresh === null ? {} : { refresh_token: refresh }),
    ...(grantType === null
      ? {}
      : {
          token_type: 'Bearer',
          issued_token_type: ACCESS_TOKEN_TYPE,
          scope: granted.access.map(formatScope).join(' '),
        }),
  }
}

/** @throws {RegistryError} UNAUTHORIZED, without its challenge; TOOMANYREQUESTS */
async function identify(context: AuthContext, proof: Proof): Promise<Identity> {
  switch (proof.kind) {
    case 'nothing':
      return anonymousIdentity(context.db)
    case 'password':
      return login(context, proof)
    case 'ID token':
      return identityOfIdToken(context, proof.token)
    case 'refresh token': {
      const identity = await redeemRefreshToken(context, proof.token)
      if (identity !== null) return identity
      throw new RegistryError('UNAUTHORIZED', { message: 'the refresh token is not valid' })
    }
  }
}

function requireTokenService({ settings: { openAccess, tokenAuth } }: AuthContext): void {
  if (!openAccess && tokenAuth === null) return
  throw noTokens(
    openAccess
      ? 'this registry is open and needs no tokens'
      : `tokens for this registry are issued by ${tokenAuth?.realm}`,
  )
}

function noTokens(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { status: 404, message })
}

async function readForm(c: Context<AppEnv>): Promise<URLSearchParams> {
  const [type] = (c.req.header('Content-Type') ?? '').split(';')
  if (type?.trim().toLowerCase() !== FORM_TYPE) {
    throw badRequest(`expected Content-Type: ${FORM_TYPE}`, 'invalid_request', 415)
  }
  const bytes = await readBody(c.req.raw.body, FORM_LIMIT)
  if (bytes === null) {
    throw badRequest(`the form is longer than ${FORM_LIMIT} bytes`, 'invalid_request', 413)
  }
  return new URLSearchParams(new TextDecoder().decode(bytes))
}

/** The challenge here must be Basic: a Bearer challenge would send the client to this same endpoint. */
function loginRefusal({ message }: RegistryError): RegistryError {
  const { headers } = unauthorized({ tokens: null, scopes: [] })
  return new RegistryError('UNAUTHORIZED', { message, headers, oauth: 'invalid_grant' })
}
