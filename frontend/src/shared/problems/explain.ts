// SPDX-License-Identifier: Apache-2.0
import { ApiProblem } from '@/shared/api/problem'
import { TEXTS } from './texts'

export interface Explanation {
  title: string
  advice: string | null
  /** What support needs to find the request. */
  reference: string | null
  /** The server is out of reach, rather than refusing. */
  isAway: boolean
}

interface FieldProblem {
  field: string
  message: string
}

/** The fields that a 422 names: last part of the path, and what is wrong. */
export function fieldProblems(error: unknown): FieldProblem[] {
  if (!(error instanceof ApiProblem) || !Array.isArray(error.details.problems)) return []
  return (error.details.problems as FieldProblem[]).map(({ field, message }) => ({ field: field.split('.').at(-1) ?? field, message }))
}

/** Any thrown thing as words: the text for its code, else what the server said. */
export function explain(error: unknown): Explanation {
  if (!(error instanceof ApiProblem)) {
    const said = error instanceof Error ? error.message : String(error)
    return { title: 'Something went wrong in this page', advice: said || null, reference: null, isAway: false }
  }
  const text = TEXTS[error.code]
  const fields = fieldProblems(error).map(({ field, message }) => `${field}: ${message}`)
  const advice = fields.length > 0 ? fields.join(' · ') : (text?.advice ?? null)
  const reference = error.status >= 500 && error.requestId ? `Request ${error.requestId}` : null
  return { title: text?.title ?? error.message, advice, reference, isAway: error.isPassing }
}
