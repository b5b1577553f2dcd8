// SPDX-License-Identifier: Apache-2.0
import { useCallback, useRef, useSyncExternalStore } from 'react'

/** The time in ms since 1970, anew every `everyMs`; between two steps it stays, so that drawing twice shows the same. */
export function useNow(everyMs: number): number {
  const step = useRef(0)
  const subscribe = useCallback(
    (changed: () => void) => {
      const timer = setInterval(changed, everyMs)
      return () => clearInterval(timer)
    },
    [everyMs],
  )
  const read = () => {
    const now = Date.now()
    if (now - step.current >= everyMs) step.current = now
    return step.current
  }
  return useSyncExternalStore(subscribe, read)
}
