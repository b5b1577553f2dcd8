// SPDX-License-Identifier: Apache-2.0
/** Live events of the market, put into what is shown: books change in place, the rest is asked for anew. */
import { useQueryClient, type QueryKey } from '@tanstack/react-query'
import { useEffect, useRef } from 'react'
import { useLive, type LiveEvent } from '@/shared/live'
import { applyChange, type BookChanged } from './logic/depth'
import { hurryOutbox } from './purchases/outbox'
import { bookKey, type ShownBook } from './queries'

const GATHER_MS = 700
const AT_PRICE: readonly QueryKey[] = [['market', 'intervals'], ['market', 'prices'], ['market', 'deals']]
const AT_OWN: readonly QueryKey[] = [['market', 'orders'], ['market', 'capacities'], ['market', 'offers'], ['market', 'matches']]
const AT_TRADE: readonly QueryKey[] = [['market', 'offers'], ['market', 'deals'], ['market', 'matches'], ['carbon']]

/** Keep the market of a community current while a page is shown. */
export function useMarketLive(community: number): void {
  const client = useQueryClient()
  const due = useRef(new Map<string, QueryKey>())
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  useEffect(() => () => clearTimeout(timer.current), [])

  const reload = (keys: readonly QueryKey[]) => {
    for (const key of keys) due.current.set(JSON.stringify(key), key)
    timer.current ??= setTimeout(() => {
      timer.current = undefined
      const keysDue = [...due.current.values()]
      due.current.clear()
      for (const queryKey of keysDue) void client.invalidateQueries({ queryKey })
    }, GATHER_MS)
  }

  const changeBook = (change: BookChanged) => {
    const key = bookKey(change.community, isoOf(change.deliveryStart))
    const book = client.getQueryData<ShownBook>(key)
    if (book === undefined) return
    const next = applyChange(book, change)
    if (next === null) void client.invalidateQueries({ queryKey: key })
    else client.setQueryData<ShownBook>(key, { ...book, ...next })
  }

  useLive(['book', 'prices', 'orders', 'trades'], ({ topic, data }: LiveEvent) => {
    if (topic === 'trades') {
      hurryOutbox()
      reload(AT_TRADE)
      return
    }
    if (data['community'] !== community) return
    if (topic === 'book') changeBook(data as unknown as BookChanged)
    else reload(topic === 'prices' ? AT_PRICE : AT_OWN)
  })
}

/** Times of events and of answers, written alike. */
export function isoOf(time: string): string {
  return new Date(time).toISOString()
}
