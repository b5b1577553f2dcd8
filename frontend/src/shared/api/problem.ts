// SPDX-License-Identifier: Apache-2.0

/** A refusal of the API, or a request that never reached it (status 0, code `network.unreachable`). */
export class ApiProblem extends Error {
  readonly status: number
  readonly code: string
  readonly details: Readonly<Record<string, unknown>>
  readonly requestId: string | undefined

  constructor(status: number, code: string, message: string, details: Record<string, unknown> = {}, requestId?: string) {
    super(message)
    this.name = 'ApiProblem'
    this.status = status
    this.code = code
    this.details = details
    this.requestId = requestId
  }

  /** Whether the same request may work a moment later. */
  get isPassing(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500
  }
}

interface ErrorBody {
  error?: { code?: string; message?: string; details?: Record<string, unknown> } | null
  meta?: { requestId?: string }
}

/** The problem that an answer's body describes; a body of another shape (a proxy's page) is told by its status. */
export function problemOf(status: number, body: unknown): ApiProblem {
  const { error, meta } = (typeof body === 'object' && body !== null ? body : {}) as ErrorBody
  if (!error?.code) return new ApiProblem(status, status >= 500 ? 'service.unavailable' : 'http', `The server answered ${status}`)
  return new ApiProblem(status, error.code, error.message ?? error.code, error.details ?? {}, meta?.requestId)
}
