// SPDX-License-Identifier: Apache-2.0
/** What people type about a house, before it is sent. */
import { parseScaled, scaledText } from '@/shared/format'
import type { Schemas } from '@/shared/api'

export interface Draft {
  name: string
  capacityKw: string
  /** What the connection to the grid carries; empty: not told. */
  connectionKw: string
  latitude: string
  longitude: string
  meter: string
  readingMinutes: string
}

export type DraftProblems = Partial<Record<keyof Draft, string>>

const LONGEST_NAME = 120
const MAX_CAPACITY_W = 100_000_000n
const DEGREES = /^-?\d{1,3}([.,]\d{1,6})?$/

export const EMPTY: Draft = { name: '', capacityKw: '', connectionKw: '', latitude: '', longitude: '', meter: '', readingMinutes: '' }

/** The draft of a house that is there. */
export function draftOf(house: Schemas['HouseOut']): Draft {
  return {
    name: house.name,
    capacityKw: house.capacityKw,
    connectionKw: house.connectionKw ?? '',
    latitude: house.latitude,
    longitude: house.longitude,
    meter: house.meter ?? '',
    readingMinutes: String(house.readingMinutes),
  }
}

/** What is wrong, by field; nothing when the draft may be sent. */
export function problemsOf(draft: Draft): DraftProblems {
  const found: DraftProblems = {}
  const capacity = parseScaled(draft.capacityKw, 3)
  const name = draft.name.trim()
  if (name === '') found.name = 'Give the house a name.'
  else if (name.length > LONGEST_NAME) found.name = `At most ${LONGEST_NAME} characters.`
  if (capacity === null || capacity < 0n) found.capacityKw = 'Kilowatts with at most three decimals; 0 without panels.'
  else if (capacity > MAX_CAPACITY_W) found.capacityKw = 'At most 100,000 kW.'
  const connection = parseScaled(draft.connectionKw, 3)
  if (draft.connectionKw !== '' && (connection === null || connection < 1n || connection > MAX_CAPACITY_W)) {
    found.connectionKw = 'Kilowatts with at most three decimals, from 0.001 to 100,000; empty when you do not know.'
  }
  if (!isDegrees(draft.latitude, 90)) found.latitude = 'Between −90 and 90, at most six decimals.'
  if (!isDegrees(draft.longitude, 180)) found.longitude = 'Between −180 and 180, at most six decimals.'
  if (draft.meter !== '' && !isMeter(draft.meter)) found.meter = 'A whole number of at most 19 digits, as it was enrolled.'
  return found
}

/** The body of the request. Only for a draft without problems. */
export function bodyOf(draft: Draft): Schemas['HouseIn'] {
  return {
    name: draft.name.trim(),
    capacityKw: scaledText(parseScaled(draft.capacityKw, 3) ?? 0n, 3),
    connectionKw: draft.connectionKw === '' ? null : scaledText(parseScaled(draft.connectionKw, 3) ?? 0n, 3),
    latitude: draft.latitude.trim().replace(',', '.'),
    longitude: draft.longitude.trim().replace(',', '.'),
    meter: draft.meter === '' ? null : draft.meter,
    readingMinutes: draft.readingMinutes === '' ? null : (Number(draft.readingMinutes) as 1 | 5 | 15 | 30 | 60),
  }
}

/** Lengths of readings that divide a community's delivery interval, the longest first. */
export function readingLengths(deliveryMinutes: number): number[] {
  return [60, 30, 15, 5, 1].filter((minutes) => minutes <= deliveryMinutes && deliveryMinutes % minutes === 0)
}

function isDegrees(text: string, most: number): boolean {
  const trimmed = text.trim()
  return DEGREES.test(trimmed) && Math.abs(Number(trimmed.replace(',', '.'))) <= most
}

function isMeter(text: string): boolean {
  return /^[0-9]{1,19}$/.test(text) && BigInt(text) > 0n && BigInt(text) < 2n ** 63n
}
