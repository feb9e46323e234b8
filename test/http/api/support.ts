/** A client of the administration API that holds every answer against the schema that the OpenAPI document is made of. */

import * as v from 'valibot'
import { expect } from 'vitest'
import { operations } from '../../../src/http/api/index.ts'
import type { Env } from '../../../src/http/middleware/context.ts'
import { bindings, type ErrorBody, send } from '../../support/registry.ts'

export const ADMIN_PASSWORD = 'the operator’s own password'

export const environment: Env = { ...bindings, OPEN_ACCESS: 'false', ADMIN_PASSWORD }

export interface Credentials {
  user: string
  password: string
}

export const ADMIN: Credentials = { user: 'admin', password: ADMIN_PASSWORD }

export interface CallOptions {
  as?: Credentials | null
  body?: unknown
  headers?: Record<string, string>
  environment?: Env
}

export interface Answer<T> {
  status: number
  headers: Headers
  body: T
}

/** Calls an operation; a body of T where it answers as it should, an error's otherwise. */
export async function call<T = unknown>(
  method: string,
  path: string,
  { as = ADMIN, body, headers = {}, environment: env = environment }: CallOptions = {},
): Promise<Answer<T>> {
  const response = await send(
    method,
    `/api/v1${path}`,
    {
      headers: {
        ...(as && { Authorization: basic(as) }),
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...headers,
      },
      ...(body !== undefined && {
        body: typeof body === 'string' ? body : JSON.stringify(body),
      }),
    },
    env,
  )
  expect(response.headers.get('Cache-Control')).toBe('no-store')
  const text = await response.text()
  const answer = { status: response.status, headers: response.headers, body: parse(text) }
  if (response.ok) checkAnswer(method, path, answer)
  return answer
}

/** The code and message of an error, in one text. */
export async function failure(
  method: string,
  path: string,
  options?: CallOptions,
): Promise<string> {
  const { status, body } = await call<ErrorBody>(method, path, options)
  expect(status).toBeGreaterThanOrEqual(400)
  return `${status} ${body.errors.map(({ code, message }) => `${code}: ${message}`).join()}`
}

export function basic({ user, password }: Credentials): string {
  return `Basic ${new TextEncoder().encode(`${user}:${password}`).toBase64()}`
}

function checkAnswer(method: string, path: string, { status, body }: Answer<unknown>): void {
  const [route = ''] = path.split('?')
  const operation = operations.find(
    (one) =>
      one.method.toUpperCase() === method &&
      new RegExp(`^${one.path.replace('{repository}', '.+').replace(/\{\w+\}/g, '[^/]+')}$`).test(
        route,
      ),
  )
  if (operation === undefined) throw new Error(`${method} ${path} is no operation`)
  expect(status).toBe(operation.status)
  // What the schema does not have, parsing leaves out.
  expect(v.parse(operation.answer, body)).toEqual(body)
}

function parse(text: string) {
  return text === '' ? null : JSON.parse(text)
}
