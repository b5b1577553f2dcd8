// SPDX-License-Identifier: Apache-2.0
import { useSyncExternalStore } from 'react'

export type Theme = 'dark' | 'light'

const KEPT = 'gridx.theme'
const listeners = new Set<() => void>()
const current = (): Theme => (document.documentElement.dataset.theme === 'light' ? 'light' : 'dark')

export function setTheme(theme: Theme): void {
  document.documentElement.dataset.theme = theme
  document.querySelector('meta[name="theme-color"]')?.setAttribute('content', theme === 'dark' ? '#060a12' : '#f3f6fb')
  try {
    localStorage.setItem(KEPT, theme)
  } catch {
    // without storage the choice lasts as long as the page
  }
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useTheme(): { theme: Theme; setTheme: (theme: Theme) => void } {
  return { theme: useSyncExternalStore(subscribe, current), setTheme }
}
