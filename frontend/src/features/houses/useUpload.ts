// SPDX-License-Identifier: Apache-2.0
/** The steps of an upload: read and look through, then send part after part. What was sent stays sent when a part fails. */
import { useState } from 'react'
import { api, ApiProblem, take } from '@/shared/api'
import { parseScaled } from '@/shared/format'
import { checkCsv, MAX_UPLOAD_BYTES, type FileCheck } from './csv'
import type { House } from './queries'
import { NOTHING, outcomeOf, partsOf, withPart, type Outcome, type Part } from './upload'

export type Progress =
  | { state: 'idle' }
  | { state: 'reading'; name: string }
  | { state: 'checked'; name: string; check: FileCheck }
  | { state: 'sending'; name: string; sent: number; rows: number }
  | { state: 'failed'; problem: unknown; canGoOn: boolean }
  | { state: 'done'; name: string; outcome: Outcome }

interface Kept {
  name: string
  parts: readonly Part[]
  next: number
  outcome: Outcome
}

export function useUpload(house: House, { asOperator, correct }: { asOperator: boolean; correct: boolean }, onRecorded: () => void) {
  const [progress, setProgress] = useState<Progress>({ state: 'idle' })
  const [kept, setKept] = useState<Kept | null>(null)

  const look = (file: File) => void lookThrough(file)
  const lookThrough = async (file: File) => {
    if (file.size > MAX_UPLOAD_BYTES) {
      setProgress({ state: 'failed', problem: new ApiProblem(413, 'sites.upload_too_large', 'The file is larger than 50 MiB; split it'), canGoOn: false })
      return
    }
    setProgress({ state: 'reading', name: file.name })
    try {
      const text = await file.text()
      const rules = { capacityW: parseScaled(house.capacityKw, 3) ?? 0n, readingMinutes: house.readingMinutes }
      const check = checkCsv(text, rules, Date.now())
      setKept({ name: file.name, parts: check.header === null ? partsOf(text) : [], next: 0, outcome: NOTHING })
      setProgress({ state: 'checked', name: file.name, check })
    } catch (problem) {
      setProgress({ state: 'failed', problem, canGoOn: false })
    }
  }

  const post = async ({ text }: Part): Promise<Outcome> => {
    const query = { houseId: house.id, attestation: asOperator ? ('operator' as const) : ('declared' as const), correct }
    try {
      return await take(
        api.POST('/api/energy-production/uploads', {
          params: { query },
          body: text,
          bodySerializer: (body: unknown) => String(body),
          headers: { 'Content-Type': 'text/csv' },
        }),
      )
    } catch (problem) {
      const outcome = outcomeOf(problem)
      if (outcome === null) throw problem
      return outcome
    }
  }

  const sendAll = async (from: Kept) => {
    let { outcome } = from
    const rows = from.parts.reduce((sum, part) => sum + part.lines.length, 0)
    for (let at = from.next; at < from.parts.length; at += 1) {
      setProgress({ state: 'sending', name: from.name, sent: outcome.received, rows })
      const part = from.parts[at]
      if (part === undefined) break
      try {
        outcome = withPart(outcome, await post(part), part)
      } catch (problem) {
        setKept({ ...from, next: at, outcome })
        setProgress({ state: 'failed', problem, canGoOn: true })
        return
      }
    }
    setKept(null)
    setProgress({ state: 'done', name: from.name, outcome })
    onRecorded()
  }

  const send = () => {
    if (kept !== null) void sendAll(kept)
  }
  const clear = () => {
    setKept(null)
    setProgress({ state: 'idle' })
  }
  return { progress, look, send, clear }
}
