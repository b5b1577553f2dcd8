// SPDX-License-Identifier: Apache-2.0
import { Moon, Sun } from 'lucide-react'
import { useTheme } from '@/shared/theme'

export function ThemeButton() {
  const { theme, setTheme } = useTheme()
  const other = theme === 'dark' ? 'light' : 'dark'
  const Sign = theme === 'dark' ? Sun : Moon
  return (
    <button type="button" onClick={() => setTheme(other)} aria-label={`Use the ${other} theme`} className="grid size-11 shrink-0 place-items-center rounded-lg text-muted hover:bg-hover hover:text-fg">
      <Sign className="size-5" aria-hidden />
    </button>
  )
}
