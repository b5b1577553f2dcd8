// SPDX-License-Identifier: Apache-2.0
/**
 * Looks through a file of readings before it is sent, by the rules that the service applies (backend/sites/parsing.py
 * and rules.py): what is found here need not travel. The service decides; a file may be sent although rows look wrong.
 */

import { parseScaled } from '@/shared/format'

export const COLUMNS = [
  'houseId', 'meter', 'start', 'minutes', 'productionKwh', 'consumptionKwh', 'exportKwh', 'importKwh',
  'temperatureC', 'source', 'signature', 'revision',
] as const
export type Column = (typeof COLUMNS)[number]

/** Limits of one upload; the service refuses what is larger. */
export const MAX_UPLOAD_ROWS = 100_000
export const MAX_UPLOAD_BYTES = 50 * 1024 * 1024
const MOST_PROBLEMS = 200
const ENERGY: readonly Column[] = ['productionKwh', 'consumptionKwh', 'exportKwh', 'importKwh']
const BY_LOWER_NAME = new Map(COLUMNS.map((column) => [column.toLowerCase(), column]))
const TIME = /^\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?(Z|[+-]\d{2}:?\d{2})$/i
const KWH = /^\d{1,12}(\.\d+)?$/
const TEMPERATURE = /^-?\d{1,3}(\.\d{1,2})?$/
const PRODUCTION_TOLERANCE_PERCENT = 25n
const GRID_MESSAGE = 'the interval must begin on the grid of the house’s readings'

/** Why a row would be refused. `line` counts from 1, the header included; `field` is '' for the whole row. */
export interface RowProblem {
  line: number
  field: string
  value: string
  message: string
}

/** Why the whole file would be refused. */
export interface HeaderProblem {
  unknown: string[]
  repeated: string[]
  missing: string[]
}

/** What is known of the house that stands for rows which name none. Power in W, length of its readings in minutes. */
export interface HouseRules {
  capacityW: bigint
  readingMinutes: number
}

export interface FileCheck {
  header: HeaderProblem | null
  columns: Column[]
  rows: number
  good: number
  /** The first problems; `bad` counts all. */
  problems: RowProblem[]
  bad: number
  /** First start and last end among good rows, in ms since 1970. */
  from: number | null
  to: number | null
}

/** Cells of one CSV line; null when its quotes do not close. A quoted cell cannot span lines. */
export function splitLine(line: string): string[] | null {
  if (!line.includes('"')) return line.split(',').map((cell) => cell.trim())
  const cells: string[] = []
  let cell = ''
  let quoted = false
  for (let at = 0; at < line.length; at += 1) {
    const letter = line.charAt(at)
    if (quoted && letter === '"' && line.charAt(at + 1) === '"') {
      cell += '"'
      at += 1
    } else if (letter === '"') quoted = !quoted
    else if (letter === ',' && !quoted) {
      cells.push(cell.trim())
      cell = ''
    } else cell += letter
  }
  cells.push(cell.trim())
  return quoted ? null : cells
}

/** The columns that a header line names, in any case and with or without underscores; or what is wrong with it. */
export function readHeader(line: string): { columns: Column[]; problem: HeaderProblem | null } {
  const names = (splitLine(line.replace(/^\uFEFF/, '')) ?? [line]).map((name) => name.trim())
  const columns = names.map((name) => BY_LOWER_NAME.get(name.replaceAll('_', '').toLowerCase()))
  const known = columns.filter((column) => column !== undefined)
  const unknown = names.filter((_, at) => columns[at] === undefined)
  const repeated = [...new Set(known.filter((column, at) => known.indexOf(column) !== at))]
  const missing = known.includes('start') ? [] : ['start']
  if (!ENERGY.some((column) => known.includes(column))) missing.push(ENERGY.join(' or '))
  const wrong = unknown.length > 0 || repeated.length > 0 || missing.length > 0
  return { columns: known, problem: wrong ? { unknown, repeated, missing } : null }
}

/** kWh text of a cell as whole Wh; null when it is not a plain amount with at most three decimals, with a point. */
export function kwhToWh(text: string): bigint | null {
  return KWH.test(text) ? parseScaled(text, 3) : null
}

/** The most that panels of `capacityW` can produce in `minutes`, the service's tolerance included, in Wh. */
export function productionLimitWh(capacityW: bigint, minutes: number): bigint {
  const product = capacityW * BigInt(minutes) * (100n + PRODUCTION_TOLERANCE_PERCENT)
  return (product + 5_999n) / 6_000n
}

/** Looks through the text of a CSV file. `now` in ms since 1970; rows must lie behind it. */
export function checkCsv(text: string, house: HouseRules, now: number): FileCheck {
  const lines = text.split('\n')
  const { columns, problem } = readHeader((lines[0] ?? '').replace(/\r$/, ''))
  const check: FileCheck = { header: problem, columns, rows: 0, good: 0, problems: [], bad: 0, from: null, to: null }
  if (problem !== null) return check
  const length = house.readingMinutes * 60_000
  for (let at = 1; at < lines.length; at += 1) {
    const line = (lines[at] ?? '').replace(/\r$/, '')
    if (line.trim() === '') continue
    check.rows += 1
    const found = checkRow(line, columns, house, now)
    if (typeof found === 'number') {
      check.good += 1
      check.from = Math.min(check.from ?? found, found)
      check.to = Math.max(check.to ?? 0, found + length)
    } else {
      check.bad += 1
      if (check.problems.length < MOST_PROBLEMS) check.problems.push({ line: at + 1, ...found })
    }
  }
  return check
}

type Bad = Omit<RowProblem, 'line'>

function checkRow(line: string, columns: Column[], house: HouseRules, now: number): number | Bad {
  const cells = splitLine(line)
  if (cells === null) return bad('', line, 'close every quote on its own line')
  if (cells.length !== columns.length) {
    return bad('', line, `the line has ${String(cells.length)} cells and the header ${String(columns.length)}`)
  }
  const row = new Map<Column, string>()
  columns.forEach((column, at) => {
    const cell = cells[at]
    if (cell !== undefined && cell !== '') row.set(column, cell)
  })
  const other = row.has('houseId') || row.has('meter')
  return checkTime(row, house, other, now) ?? checkEnergy(row, house, other) ?? Date.parse(row.get('start') ?? '')
}

function checkTime(row: Map<Column, string>, house: HouseRules, other: boolean, now: number): Bad | null {
  const text = row.get('start') ?? ''
  const start = TIME.test(text) ? Date.parse(text) : Number.NaN
  if (Number.isNaN(start)) return bad('start', text, 'an ISO 8601 time with its offset: 2026-06-01T12:00:00Z')
  const length = house.readingMinutes * 60_000
  const minutes = row.get('minutes')
  if (minutes !== undefined && !other && Number(minutes) !== house.readingMinutes) {
    return bad('minutes', minutes, `send readings of ${String(house.readingMinutes)} minutes for this house`)
  }
  if (!other && start % length !== 0) return bad('start', text, GRID_MESSAGE)
  if (start + (other ? 0 : length) > now) return bad('start', text, 'the interval is not over yet')
  return null
}

function checkEnergy(row: Map<Column, string>, house: HouseRules, other: boolean): Bad | null {
  let known = 0
  for (const column of ENERGY) {
    const text = row.get(column)
    if (text === undefined) continue
    known += 1
    const energyWh = kwhToWh(text)
    if (text.startsWith('-')) return bad(column, text, 'energy is never negative; export and import are two columns')
    if (energyWh === null) return bad(column, text, 'a number of kWh with at most three decimals, with a point')
    if (column === 'productionKwh' && !other && energyWh > productionLimitWh(house.capacityW, house.readingMinutes)) {
      return bad(column, text, 'more than the house’s panels can produce; check the unit or the capacity')
    }
  }
  const degrees = row.get('temperatureC')
  if (degrees !== undefined && (!TEMPERATURE.test(degrees) || Math.abs(Number(degrees)) > 90)) {
    return bad('temperatureC', degrees, 'degrees Celsius between −90 and 90, at most two decimals')
  }
  return known > 0 ? null : bad('productionKwh', '', 'at least one of production, consumption, export, import')
}

function bad(field: string, value: string, message: string): Bad {
  return { field, value: value.length > 80 ? `${value.slice(0, 79)}…` : value, message }
}

/**
 * A file to fill in: the header and the intervals of the day before `now` (UTC) with empty cells. Rows that stay empty
 * are reported and harm nothing.
 */
export function template(readingMinutes: number, now: number): string {
  const day = Math.floor(now / 86_400_000) * 86_400_000 - 86_400_000
  const lines = ['start,productionKwh,consumptionKwh,exportKwh,importKwh']
  for (let start = day; start < day + 86_400_000; start += readingMinutes * 60_000) {
    lines.push(`${new Date(start).toISOString().replace('.000Z', 'Z')},,,,`)
  }
  return `${lines.join('\n')}\n`
}
