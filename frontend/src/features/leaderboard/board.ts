// SPDX-License-Identifier: Apache-2.0
/** What the leaderboard shows: which board, whom live events concern, and who moved since the last look. */

export const PERIODS = ['day', 'week', 'month', 'all'] as const
export type Period = (typeof PERIODS)[number]
export const PERIOD_NAMES: Record<Period, string> = { day: 'Today', week: 'This week', month: 'This month', all: 'All time' }

/** A board: a period, and a community's number (0: everybody). */
export interface BoardKey {
  period: Period
  community: number
}

export interface Place {
  rank: number
  name: string
  isAlias: boolean
  userId?: string | null
  isMe: boolean
  carbonKg: string
}

/** Where a line stood before: up or down by places, `new`, or unmoved. */
export type Move = { kind: 'up' | 'down'; by: number } | { kind: 'new' } | { kind: 'same' }

/** What the address bar says about the board; what is left out or unknown is everybody's board of all time. */
export interface BoardSearch {
  period?: Period
  community?: number
  page?: number
}

/** The board that the address bar names. Unknown periods and communities are left out. */
export function readSearch(search: Record<string, unknown>): BoardSearch {
  const period = PERIODS.find((known) => known === search.period)
  const community = wholeNumber(search.community, 1, 2 ** 32 - 1)
  return { ...readPage(search), ...(period ? { period } : {}), ...(community === null ? {} : { community }) }
}

/** The page of a list that the address bar names. */
export function readPage(search: Record<string, unknown>): { page?: number } {
  const page = wholeNumber(search.page, 2, 100_000)
  return page === null ? {} : { page }
}

function wholeNumber(value: unknown, least: number, most: number): number | null {
  const number = typeof value === 'string' ? Number(value) : value
  const fits = typeof number === 'number' && Number.isInteger(number) && number >= least && number <= most
  return fits ? number : null
}

/** Whether a live event (`carbon.leaderboard_moved`) tells that places of this board changed. */
export function concerns(data: unknown, { period, community }: BoardKey): boolean {
  if (typeof data !== 'object' || data === null || !('boards' in data) || !Array.isArray(data.boards)) return false
  return data.boards.some((board: unknown) => {
    if (typeof board !== 'object' || board === null) return false
    const { period: moved, community: where } = board as { period?: unknown; community?: unknown }
    return moved === period && where === community
  })
}

/** How each line of `now` moved since `before`; names are kept by holders, so a line is known by its name. */
export function movesSince(before: readonly Place[] | undefined, now: readonly Place[]): Map<string, Move> {
  const ranks = new Map(before?.map((place) => [place.name, place.rank]))
  const moveOf = ({ name, rank }: Place): Move => {
    const old = ranks.get(name)
    if (old === rank || before === undefined) return { kind: 'same' }
    return old === undefined ? { kind: 'new' } : { kind: old > rank ? 'up' : 'down', by: Math.abs(old - rank) }
  }
  return new Map(now.map((place) => [place.name, moveOf(place)]))
}

/** Part of the best one's carbon, 0 to 1, for the length of a bar. */
export function shareOfBest(place: Place, best: Place | undefined): number {
  const most = Number(best?.carbonKg ?? 0)
  return most > 0 ? Math.max(0, Math.min(1, Number(place.carbonKg) / most)) : 0
}
