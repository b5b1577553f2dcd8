// SPDX-License-Identifier: Apache-2.0
/** The generated client. `take(api.GET('/api/…'))` is the answer's data; a refusal is thrown as `ApiProblem`. */
import createClient from 'openapi-fetch'
import { problemOf } from './problem'
import type { components, paths } from './schema'
import { transport } from './transport'

export type Schemas = components['schemas']

export const api = createClient<paths>({ baseUrl: typeof location === 'undefined' ? 'http://localhost' : location.origin, fetch: transport })

interface Answer<Body> {
  data?: Body
  error?: unknown
  response: Response
}

export interface Page<Item> {
  items: Item[]
  page: number
  limit: number
  total: number
}

async function settled<Body>(request: Promise<Answer<Body>>): Promise<Answer<Body>> {
  const answer = await request
  if (!answer.response.ok) throw problemOf(answer.response.status, answer.error)
  return answer
}

/** The data inside the envelope. Throws ApiProblem. */
export async function take<Data>(request: Promise<Answer<{ data: Data }>>): Promise<Data> {
  const { data, response } = await settled(request)
  if (data === undefined) throw problemOf(response.status, null)
  return data.data
}

/** One page of a list. Throws ApiProblem. */
export async function takePage<Item>(
  request: Promise<Answer<{ data: Item[]; meta: { pagination: { page: number; limit: number; total: number } } }>>,
): Promise<Page<Item>> {
  const { data, response } = await settled(request)
  if (data === undefined) throw problemOf(response.status, null)
  return { items: data.data, ...data.meta.pagination }
}

/** For answers without content (204). Throws ApiProblem. */
export async function takeNothing(request: Promise<Answer<unknown>>): Promise<void> {
  await settled(request)
}

/** A file (CSV, PDF, JSON) as the server wrote it, for saving. Throws ApiProblem. */
export async function takeFile(path: string, query: Record<string, string | number | undefined> = {}): Promise<Blob> {
  const url = new URL(path, location.origin)
  for (const [name, value] of Object.entries(query)) if (value !== undefined) url.searchParams.set(name, String(value))
  const response = await transport(new Request(url))
  if (!response.ok) throw problemOf(response.status, await response.json().catch(() => null))
  return response.blob()
}
