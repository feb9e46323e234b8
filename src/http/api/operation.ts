/**
 * An operation of the administration API. The schemas that check its requests also describe them in the OpenAPI document (openapi.ts), so
 * the two cannot differ.
 */
import type { Context } from 'hono'
import * as v from 'valibot'
import { isUnknownKey, memberPath } from '../../lib/schemas.ts'
import { type Json, RegistryError } from '../../oci/errors.ts'
import type { AppEnv } from '../middleware/context.ts'
import { type AdmittedTo, admitTo, type OperationAccess } from './access.ts'
import { readJson } from './body.ts'

interface Description {
  /** The operationId, which generated clients use as a name. */
  id: string
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** The path below `/api/v1`, with parameters in braces. */
  path: string
  /** An imperative sentence. */
  summary: string
  description?: string
  /** The required access. If more depends on the query or the body, the handler checks it. */
  access: OperationAccess
  /** The status of a successful answer. */
  status: 200 | 201 | 204
  /** Errors beyond those that follow from the other fields, such as `access`. */
  errors?: readonly (403 | 404 | 409)[]
}

/** An object with those of `params`, `query` and `body` that the operation takes. */
export type RequestSchema = v.GenericSchema & {
  readonly entries: Readonly<Partial<Record<'params' | 'query' | 'body', v.GenericSchema>>>
}

export interface Definition<
  Access extends OperationAccess,
  Request extends RequestSchema,
  Answer extends v.GenericSchema,
> extends Description {
  access: Access
  request: Request
  /** NO_CONTENT if the answer has no body. */
  answer: Answer
  handle: (
    request: v.InferOutput<Request>,
    c: Context<AppEnv>,
    admitted: AdmittedTo<Access>,
  ) => Promise<v.InferInput<Answer>>
}

export interface Operation extends Description {
  request: RequestSchema
  answer: v.GenericSchema
  /** Reads the request, checks the caller's access, runs the handler, and answers. */
  respond: (c: Context<AppEnv>) => Promise<Response>
}

export const NO_CONTENT = v.null()

const NOTHING = v.strictObject({})

/** Gives the handler the types of the schemas. */
export function operation<
  Access extends OperationAccess,
  Request extends RequestSchema,
  Answer extends v.GenericSchema,
>(definition: Definition<Access, Request, Answer>): Operation {
  const { handle, ...rest } = definition
  const respond = async (c: Context<AppEnv>): Promise<Response> => {
    const request = await readRequest(c, rest.request)
    const answer = await handle(request, c, await admitTo(rest.access, c))
    if (rest.status === 204) return c.body(null, 204)
    return c.body(JSON.stringify(answer), rest.status, { 'Content-Type': 'application/json' })
  }
  return { ...rest, respond }
}

async function readRequest<Schema extends RequestSchema>(
  c: Context<AppEnv>,
  schema: Schema,
): Promise<v.InferOutput<Schema>> {
  const { query, body } = schema.entries
  if (query === undefined) validate(v.object({ query: NOTHING }), { query: queryOf(c) })
  return validate(schema, {
    params: c.req.param(),
    query: query && queryOf(c),
    body: body && (await bodyOf(c, body)),
  })
}

async function bodyOf(c: Context<AppEnv>, schema: v.GenericSchema): Promise<Json | undefined> {
  const isLeftOut = c.req.raw.body === null || c.req.header('Content-Length') === '0'
  return isOptional(schema) && isLeftOut ? undefined : readJson(c)
}

/** Whether the body may be missing. */
export function isOptional(schema: v.GenericSchema): boolean {
  return schema.type === 'optional'
}

/** @throws {RegistryError} REQUEST_INVALID if a parameter occurs twice: programs differ about which one counts */
function queryOf(c: Context<AppEnv>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => {
      const [value, ...more] = values
      if (value !== undefined && more.length === 0) return [name, value]
      throw invalidRequest([{ field: name.slice(0, 64), problem: 'given more than once' }])
    }),
  )
}

function validate<Schema extends v.GenericSchema>(
  schema: Schema,
  value: unknown,
): v.InferOutput<Schema> {
  const result = v.safeParse(schema, value, { message: describe })
  if (result.success) return result.output
  throw invalidRequest(result.issues.map(problemOf))
}

interface Problem {
  /** For example `actions[0]`; empty for the body as a whole. */
  field: string
  problem: string
}

function problemOf(issue: v.BaseIssue<unknown>): Problem {
  // The first step of a path is `params`, `query` or `body`.
  const keys = issue.path?.slice(1).map(({ key }) => key) ?? []
  return {
    field: memberPath(keys).slice(0, 128),
    problem: isUnknownKey(issue) ? 'unknown field' : issue.message.slice(0, 256),
  }
}

/** The message for an issue without its own. The library's messages repeat the value. */
function describe(issue: v.BaseIssue<unknown>): string {
  const { kind, type, input, path, expected } = issue
  if (path?.[0].origin === 'key') return 'missing'
  if (type === 'picklist') return `Invalid option: expected one of ${expected}`
  if (type.startsWith('min_')) return `Too small: expected ${expected}${unitOf(input)}`
  if (type.startsWith('max_')) return `Too big: expected ${expected}${unitOf(input)}`
  const received = kind === 'schema' ? `, received ${typeOf(input)}` : ''
  return `Invalid input: expected ${(expected ?? type).toLowerCase()}${received}`
}

function unitOf(value: unknown): string {
  if (typeof value === 'number') return ''
  return Array.isArray(value) ? ' items' : ' characters'
}

function typeOf(value: unknown): string {
  if (value === null) return 'null'
  return Array.isArray(value) ? 'array' : typeof value
}

const PROBLEMS_TOLD = 10

/** The error that lists the problems of a request by field. It repeats no value: it may be a password. */
export function invalidRequest(problems: readonly Problem[]): RegistryError {
  const told = problems.slice(0, PROBLEMS_TOLD)
  const texts = told.map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`))
  return new RegistryError('REQUEST_INVALID', {
    message: `invalid request: ${texts.join('; ')}`,
    detail: told.map((problem) => ({ ...problem })),
  })
}
