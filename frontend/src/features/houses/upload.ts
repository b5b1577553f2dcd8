// SPDX-License-Identifier: Apache-2.0
/** A file of readings in parts that are sent one after the other: progress is known, a part that fails is sent again. */
import { ApiProblem, type Schemas } from '@/shared/api'

export type Outcome = Schemas['OutcomeOut']
export type RefusedRow = Outcome['rows'][number]

export interface Part {
  text: string
  /** Lines of the file, from 1, that stand in lines 2, 3, … of the part. */
  lines: number[]
}

const ROWS_IN_A_PART = 2_000

/** The parts of a CSV file; each begins with its header line. Empty lines are left out. */
export function partsOf(text: string, rowsInAPart = ROWS_IN_A_PART): Part[] {
  const [header = '', ...rows] = text.replace(/^\uFEFF/, '').split('\n').map((line) => line.replace(/\r$/, ''))
  const parts: Part[] = []
  let kept: string[] = []
  let lines: number[] = []
  const close = () => {
    if (kept.length > 0) parts.push({ text: [header, ...kept, ''].join('\n'), lines })
    kept = []
    lines = []
  }
  rows.forEach((row, at) => {
    if (row.trim() === '') return
    kept.push(row)
    lines.push(at + 2)
    if (kept.length === rowsInAPart) close()
  })
  close()
  return parts
}

/** What nothing has happened to yet. */
export const NOTHING: Outcome = { received: 0, recorded: 0, repeated: 0, raised: 0, corrected: 0, refused: 0, rows: [] }

/** The outcome so far with that of a part, whose lines become lines of the file. */
export function withPart(sum: Outcome, outcome: Outcome, part: Part): Outcome {
  const rows = outcome.rows.map((row) => ({ ...row, line: part.lines[row.line - 2] ?? row.line }))
  return {
    received: sum.received + outcome.received,
    recorded: sum.recorded + outcome.recorded,
    repeated: sum.repeated + outcome.repeated,
    raised: sum.raised + outcome.raised,
    corrected: sum.corrected + outcome.corrected,
    refused: sum.refused + outcome.refused,
    rows: [...sum.rows, ...rows],
  }
}

/** The outcome inside a refusal: when no row of a part could be recorded, the service says so with 409 or 422. */
export function outcomeOf(problem: unknown): Outcome | null {
  if (!(problem instanceof ApiProblem) || !Array.isArray(problem.details.rows)) return null
  return { ...NOTHING, ...(problem.details as Partial<Outcome>) }
}

/** The refused rows as a CSV file; cells that a spreadsheet would take for a formula are quoted. */
export function problemsCsv(rows: readonly RefusedRow[]): string {
  const cell = (text: string) => {
    const harmless = /^[=+\-@\t\r]/.test(text) ? `'${text}` : text
    return /[",\n\r]/.test(harmless) ? `"${harmless.replaceAll('"', '""')}"` : harmless
  }
  const lines = rows.map(({ line, field, value, code, message }) => [String(line), field, value, code, message].map(cell).join(','))
  return ['line,field,value,code,message', ...lines, ''].join('\n')
}
