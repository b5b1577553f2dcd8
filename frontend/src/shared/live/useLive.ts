// SPDX-License-Identifier: Apache-2.0
import { useQueryClient, type QueryKey } from '@tanstack/react-query'
import { useEffect, useEffectEvent, useSyncExternalStore } from 'react'
import { connection, type LiveStatus, type Topic } from './connection'
import type { LiveEvent } from './cursor'

interface Options {
  /** Called when events were missed; without it every active query is loaded anew. */
  onResync?: () => void
  enabled?: boolean
}

/** Follow topics while the component is shown. Signed-in users see what concerns them; `orders` needs a session. */
export function useLive(topics: readonly Topic[], onEvent: (event: LiveEvent) => void, { onResync, enabled = true }: Options = {}): void {
  const client = useQueryClient()
  const key = topics.join(',')
  const heard = useEffectEvent(onEvent)
  const missed = useEffectEvent(() => {
    if (onResync) onResync()
    else void client.invalidateQueries({ refetchType: 'active' })
  })
  useEffect(() => {
    if (!enabled) return
    return connection.follow({ topics: key.split(',') as Topic[], onEvent: (event) => heard(event), onResync: () => missed() })
  }, [key, enabled])
}

/** Load these queries anew at each event of the topics: the usual way to keep a page current. */
export function useLiveInvalidation(topics: readonly Topic[], ...keys: QueryKey[]): void {
  const client = useQueryClient()
  const reload = () => {
    for (const queryKey of keys) void client.invalidateQueries({ queryKey })
  }
  useLive(topics, reload, { onResync: reload })
}

export function useLiveStatus(): LiveStatus {
  return useSyncExternalStore(connection.subscribe, () => connection.status)
}
