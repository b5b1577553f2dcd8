// SPDX-License-Identifier: Apache-2.0
/** Bands above every page: the server is away, what is shown is old, live updates are interrupted. */
import { useQueryClient } from '@tanstack/react-query'
import { CloudOff } from 'lucide-react'
import { useEffect, useRef } from 'react'
import { formatAgo } from '@/shared/format'
import { useLiveStatus } from '@/shared/live'
import { useStaleness } from '@/shared/offline'
import { resumeSession, useSession } from '@/shared/session'

export function Notices() {
  const staleSince = useStaleness()
  const { status } = useSession()
  const live = useLiveStatus()
  const client = useQueryClient()
  const wasDropped = useRef(false)
  useEffect(() => {
    if (live === 'dropped') wasDropped.current = true
    if (live === 'open' && wasDropped.current) {
      wasDropped.current = false
      void resumeSession()
      void client.refetchQueries({ type: 'active', predicate: ({ state }) => state.status === 'error' || staleSince !== null })
    }
  }, [live, client, staleSince])
  const text =
    staleSince !== null
      ? `GridX cannot be reached. You see what was loaded ${formatAgo(staleSince)}; it goes on by itself.`
      : status === 'away'
        ? 'GridX cannot be reached. It goes on by itself once the server answers.'
        : live === 'dropped'
          ? 'Live updates are interrupted; connecting again …'
          : null
  return (
    <div role="status" aria-live="polite">
      {text !== null && (
        <p className="mb-5 flex items-center gap-2.5 rounded-xl border border-warning/40 bg-warning/10 px-4 py-2.5 text-sm text-warning">
          <CloudOff className="size-4 shrink-0" aria-hidden />
          {text}
        </p>
      )}
    </div>
  )
}
