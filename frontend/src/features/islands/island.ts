// SPDX-License-Identifier: Apache-2.0
/** Disaster mode: what people type, and sums over what was shared out. */
import { parseScaled, whOf } from '@/shared/format'

const MOST_HOURS = 72
const MAX_PRICE_MICRO = 2n ** 40n - 1n
const LONGEST_REASON = 280

/** What an operator asks for; the price cap in micro-units per kWh. */
export interface AskedIsland {
  operator: string
  community: number
  reason: string
  hours: number
  priceCapMicro: bigint
}

/** What is wrong with a declaration's fields, in words, by field; nothing when it may be prepared. */
export function declarationProblems(reason: string, hours: string, cap: string): Partial<Record<'reason' | 'hours' | 'cap', string>> {
  const found: Partial<Record<'reason' | 'hours' | 'cap', string>> = {}
  const length = Number(hours)
  const price = parseScaled(cap, 6)
  if (reason.trim() === '') found.reason = 'Say why: members and the report will read it.'
  else if (reason.trim().length > LONGEST_REASON) found.reason = `At most ${LONGEST_REASON} characters.`
  if (!Number.isInteger(length) || length < 1 || length > MOST_HOURS) found.hours = `Whole hours from 1 to ${MOST_HOURS}.`
  if (price === null || price <= 0n || price > MAX_PRICE_MICRO) found.cap = 'A price per kWh above zero, with at most six decimals.'
  return found
}

export type IslandState = 'coming' | 'in_force' | 'over'

export interface IslandTimes {
  startsAt: string
  endsAt: string
  endedAt: string | null
}

/** The state at a moment (ms since 1970), so that a page that cannot reach the service still tells the truth. */
export function stateAt(island: IslandTimes, now: number): IslandState {
  const end = Math.min(Date.parse(island.endsAt), island.endedAt === null ? Infinity : Date.parse(island.endedAt))
  if (now >= end) return 'over'
  return now < Date.parse(island.startsAt) ? 'coming' : 'in_force'
}

/** How much of an island's time is over, 0 to 1. */
export function elapsedPart(island: IslandTimes, now: number): number {
  const start = Date.parse(island.startsAt)
  const length = Date.parse(island.endsAt) - start
  return length > 0 ? Math.min(1, Math.max(0, (now - start) / length)) : 1
}

/** `2 h 05 min`, `14 min`; never below zero. */
export function formatLeft(ms: number): string {
  const minutes = Math.max(0, Math.ceil(ms / 60_000))
  const hours = Math.floor(minutes / 60)
  return hours > 0 ? `${hours} h ${String(minutes % 60).padStart(2, '0')} min` : `${minutes} min`
}

export interface Allocation {
  deliveryStart: string
  houseId: string
  generationKwh: string
  criticalKwh: string
  demandKwh: string
  criticalShareKwh: string
  shareKwh: string
  source: string
  why: string
}

export interface AllocationSum {
  intervals: number
  demandWh: bigint
  shareWh: bigint
  criticalWh: bigint
  criticalShareWh: bigint
}

/** Sums over allocations, in Wh. */
export function sumOf(allocations: readonly Allocation[]): AllocationSum {
  const sum: AllocationSum = { intervals: 0, demandWh: 0n, shareWh: 0n, criticalWh: 0n, criticalShareWh: 0n }
  const starts = new Set<string>()
  for (const one of allocations) {
    starts.add(one.deliveryStart)
    sum.demandWh += whOf(one.demandKwh)
    sum.shareWh += whOf(one.shareKwh)
    sum.criticalWh += whOf(one.criticalKwh)
    sum.criticalShareWh += whOf(one.criticalShareKwh)
  }
  return { ...sum, intervals: starts.size }
}

/** Parts of a hundred of a demand that a share covers, rounded down; 100 without a demand. */
export function coveredPercent(shareWh: bigint, demandWh: bigint): number {
  return demandWh > 0n ? Number((shareWh * 100n) / demandWh) : 100
}

/** The allocations of the latest interval among them. */
export function latest(allocations: readonly Allocation[]): Allocation[] {
  const last = allocations.reduce<string | null>(
    (found, one) => (found === null || Date.parse(one.deliveryStart) > Date.parse(found) ? one.deliveryStart : found),
    null,
  )
  return allocations.filter((one) => one.deliveryStart === last)
}

export const TIERS: Record<number, { name: string; meaning: string }> = {
  1: { name: 'Hospital', meaning: 'served first, over the whole horizon' },
  2: { name: 'Shelter', meaning: 'from what hospitals leave' },
  3: { name: 'Medical devices at home', meaning: 'from what hospitals and shelters leave' },
  4: { name: 'Ordinary use', meaning: 'an equal share of the rest for every home' },
}

/** Where an allocation's figures of a house come from. */
export const SOURCES: Record<string, string> = {
  declared: 'said beforehand',
  reading: 'measured',
  day_before: 'as measured the day before',
  unknown: 'unknown: critical loads alone',
}
