// SPDX-License-Identifier: Apache-2.0
/** Every page, with who looks at it: for accessibility checks and screenshots. Features add theirs. */
import type { Page } from '@playwright/test'
import type { Stack } from './support/stack'

export interface ListedPage {
  name: string
  path: (stack: Stack) => string
  as: 'nobody' | 'anna' | 'operator' | 'auditor'
  /** Bring the page into a state worth seeing. */
  prepare?: (page: Page) => Promise<void>
}

export const PAGES: readonly ListedPage[] = [
  { name: 'landing', path: () => '/', as: 'nobody' },
  { name: 'leaderboard', path: () => '/leaderboard', as: 'nobody' },
  { name: 'leaderboard-person', path: (stack) => `/leaderboard/${stack.people.ben.userId ?? ''}`, as: 'nobody' },
  { name: 'sign-in', path: () => '/sign-in', as: 'nobody' },
  { name: 'register', path: () => '/register', as: 'nobody' },
  { name: 'not-found', path: () => '/nowhere', as: 'nobody' },
  { name: 'verify', path: () => '/verify', as: 'nobody' },
  { name: 'trade', path: (stack) => `/trades/${stack.trades[0] ?? ''}`, as: 'nobody' },
  { name: 'welcome', path: () => '/welcome', as: 'anna' },
  { name: 'account', path: () => '/account', as: 'anna' },
  { name: 'dashboard', path: () => '/dashboard', as: 'anna' },
  { name: 'market', path: () => '/market', as: 'anna' },
  { name: 'trades', path: () => '/trades', as: 'anna' },
  { name: 'carbon', path: () => '/carbon', as: 'anna' },
  { name: 'houses', path: () => '/houses', as: 'anna' },
  { name: 'house', path: (stack) => `/houses/${stack.people.anna.houseId ?? ''}`, as: 'anna' },
  { name: 'islands', path: () => '/islands', as: 'operator' },
  { name: 'auditor', path: () => '/auditor', as: 'auditor' },
  { name: 'operator', path: () => '/operator', as: 'operator' },
]
