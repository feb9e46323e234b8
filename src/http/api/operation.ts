/**
 * An operation of the administration API. Its schemas check what comes in, and describe it in the OpenAPI document (openapi.ts),
 * so that the two cannot differ.
 */
import type { Context } from 'hono'
import * as z from 'zod/mini'
import english from 'zod/v4/locales/en.js'
import { RegistryError } from '../../oci/errors.ts'
import type { AppEnv } from '../context.ts'
import { readJson } from './body.ts'

// What zod compiles schemas with otherwise is `new Function`, which the runtime refuses.
z.config({ ...english(), jitless: true })

interface Description {
  /** What generated clients call it. */
  id: string
  method: 'get' | 'post' | 'put' | 'patch' | 'delete'
  /** Below `/api/v1`; parameters in braces. */
  path: string
  /** What it does, in an imperative sentence. */
  summary: string
  description?: string
  /** Who may call it; the handler may ask for more. */
  access: 'none' | 'signed-in' | 'admin'
  /** Of the answer when all went well. */
  status: 200 | 201 | 204
  /** Errors that it answers beside those that follow from the rest. */
  errors?: readonly (403 | 404 | 409)[]
}

/** An object of `params`, `query` and `body`, whichever of them the operation takes. */
export type RequestSchema = z.ZodMiniObject<
  Partial<Record<'params' | 'query' | 'body', z.ZodMiniType>>
>

export interface Definition<Request extends RequestSchema, Answer extends z.ZodMiniType>
  extends Description {
  request: Request
  /** NO_CONTENT where the answer has no body. */
  answer: Answer
  handle: (request: z.output<Request>, c: Context<AppEnv>) => Promise<z.input<Answer>>
}

export interface Operation extends Description {
  request: RequestSchema
  answer: z.ZodMiniType
  /** Reads the request, does what it asks for, and answers. */
  respond: (c: Context<AppEnv>) => Promise<Response>
}

export const NO_CONTENT = z.null()

const NOTHING = z.strictObject({})

/** Ties the handler's types to those of the schemas. */
export function operation<Request extends RequestSchema, Answer extends z.ZodMiniType>(
  definition: Definition<Request, Answer>,
): Operation {
  const { handle, ...rest } = definition
  const respond = async (c: Context<AppEnv>): Promise<Response> => {
    const answer = await handle(await readRequest(c, rest.request), c)
    if (rest.status === 204) return c.body(null, 204)
    return c.body(JSON.stringify(answer), rest.status, { 'Content-Type': 'application/json' })
  }
  return { ...rest, respond }
}

async function readRequest<Schema extends RequestSchema>(
  c: Context<AppEnv>,
  schema: Schema,
): Promise<z.output<Schema>> {
  const { query, body } = schema.shape
  if (query === undefined) validate(z.object({ query: NOTHING }), { query: queryOf(c) })
  return validate(schema, {
    params: c.req.param(),
    query: query && queryOf(c),
    body: body && (await readJson(c)),
  })
}

/** @throws {RegistryError} REQUEST_INVALID for a parameter that comes twice: which one counts, readers differ about */
function queryOf(c: Context<AppEnv>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(c.req.queries()).map(([name, values]) => {
      const [value, ...more] = values
      if (value !== undefined && more.length === 0) return [name, value]
      throw invalidRequest([{ field: name.slice(0, 64), problem: 'given more than once' }])
    }),
  )
}

function validate<Schema extends z.ZodMiniType>(schema: Schema, value: unknown): z.output<Schema> {
  const result = z.safeParse(schema, value)
  if (result.success) return result.data
  throw invalidRequest(result.error.issues.map(problemOf))
}

interface Problem {
  /** '' for the body as a whole. */
  field: string
  problem: string
}

function problemOf(issue: z.core.$ZodIssue): Problem {
  // The first step of a path is `params`, `query` or `body`.
  const path = issue.path.slice(1).map(String)
  if (issue.code === 'unrecognized_keys') path.push(issue.keys[0] ?? '')
  return {
    field: path.join('.').slice(0, 128),
    problem: issue.code === 'unrecognized_keys' ? 'unknown field' : issue.message.slice(0, 256),
  }
}

const PROBLEMS_TOLD = 10

/** What is wrong with a request, by field. No value is repeated: it may be a password. */
export function invalidRequest(problems: readonly Problem[]): RegistryError {
  const told = problems.slice(0, PROBLEMS_TOLD)
  const texts = told.map(({ field, problem }) => (field === '' ? problem : `${field}: ${problem}`))
  return new RegistryError('REQUEST_INVALID', {
    message: `invalid request: ${texts.join('; ')}`,
    detail: told.map((problem) => ({ ...problem })),
  })
}
