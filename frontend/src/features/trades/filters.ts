// SPDX-License-Identifier: Apache-2.0
/** The filters of the list of trades, as they stand in the page's address and as the API takes them. */
export const STATES = ['pending', 'confirmed', 'final', 'failed', 'orphaned'] as const
export const SIDES = ['sold', 'bought'] as const
export const KINDS = ['matched', 'filled', 'logged'] as const
export const SORTS = ['newest', 'oldest', 'largest', 'dearest'] as const

type One<List extends readonly string[]> = List[number]
export type Sort = One<typeof SORTS>

/** `from` and `to` are days (YYYY-MM-DD) in the reader's own time zone, both included. */
export interface TradeSearch {
  status?: One<typeof STATES>
  side?: One<typeof SIDES>
  kind?: One<typeof KINDS>
  from?: string
  to?: string
  sort?: Sort
  page?: number
}

/** What the API is asked for, without the page. */
export interface TradeQuery extends Omit<TradeSearch, 'page'> {
  userId: string
}

const DAY = /^\d{4}-\d{2}-\d{2}$/

const among = <Name extends string>(names: readonly Name[], value: unknown): Name | undefined => names.find((name) => name === value)
const day = (value: unknown) => (typeof value === 'string' && DAY.test(value) && !Number.isNaN(Date.parse(value)) ? value : undefined)

/** Only what is meant; anything else in an address is dropped. */
export function readSearch(given: Record<string, unknown>): TradeSearch {
  const page = Number(given.page)
  const found: TradeSearch = {
    status: among(STATES, given.status),
    side: among(SIDES, given.side),
    kind: among(KINDS, given.kind),
    from: day(given.from),
    to: day(given.to),
    sort: among(SORTS, given.sort),
    page: Number.isInteger(page) && page > 1 && page <= 100_000 ? page : undefined,
  }
  return Object.fromEntries(Object.entries(found).filter(([, value]) => value !== undefined))
}

/** Pending and failed trades are the reader's own claims: neither side, kind nor order applies to them. */
export const isClaims = ({ status }: TradeSearch): boolean => status === 'pending' || status === 'failed'

/** The API's query for `userId`: days become moments, the last day is included. */
export function queryOf(search: TradeSearch, userId: string): TradeQuery {
  if (isClaims(search)) return { userId, status: search.status }
  const { status, side, kind, sort } = search
  const until = search.to === undefined ? undefined : dayStart(search.to, 1)
  const query = { userId, status, side, kind, sort, from: search.from && dayStart(search.from, 0), to: until }
  return Object.fromEntries(Object.entries(query).filter(([, value]) => value !== undefined)) as unknown as TradeQuery
}

function dayStart(text: string, later: number): string {
  const [year = 0, month = 1, date = 1] = text.split('-').map(Number)
  return new Date(year, month - 1, date + later).toISOString()
}

/** How many filters narrow the list. */
export const countFilters = (search: TradeSearch): number =>
  [search.status, search.side, search.kind, search.from, search.to].filter((value) => value !== undefined).length
