// SPDX-License-Identifier: Apache-2.0
/** Every page, with who looks at it: for accessibility checks and screenshots. Features add theirs. */
import { expect, type Page } from '@playwright/test'
import type { Stack } from './support/stack'

export interface ListedPage {
  name: string
  path: (stack: Stack) => string
  as: 'nobody' | 'anna' | 'operator' | 'auditor'
  /** Bring the page into a state worth seeing. */
  prepare?: (page: Page) => Promise<void>
}

const checked = (page: Page) => page.locator('[data-outcome]').waitFor()

async function check(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Check in this browser' }).click()
  await checked(page)
}

/** The newest audit's result; the first visit makes one. */
async function audited(page: Page): Promise<void> {
  const verdict = page.locator('[data-differences]')
  const none = page.getByText('No audit was made yet')
  await verdict.or(none).waitFor()
  if (await none.isVisible()) await page.getByRole('button', { name: 'Run the audit' }).click()
  await verdict.waitFor()
}

/** A certificate whose signature was checked. */
const verdict = (page: Page) => page.getByText(/Checked in your browser/).waitFor()

async function report(page: Page): Promise<void> {
  await page.getByRole('tab', { name: 'Report' }).click()
  await page.getByRole('region', { name: 'Shares by house' }).waitFor()
}

/** A bid that is filled in and shown for signing. */
async function review(page: Page): Promise<void> {
  await page.getByLabel('Energy').fill('0.1')
  await page.getByLabel('Highest price').fill('0.1')
  await page.getByRole('button', { name: 'Review the bid' }).click()
  await page.getByRole('button', { name: 'Sign in the wallet' }).waitFor()
}

export const PAGES: readonly ListedPage[] = [
  { name: 'landing', path: () => '/', as: 'nobody' },
  { name: 'leaderboard', path: () => '/leaderboard', as: 'nobody' },
  { name: 'leaderboard-person', path: (stack) => `/leaderboard/${stack.people.ben.userId ?? ''}`, as: 'nobody' },
  { name: 'sign-in', path: () => '/sign-in', as: 'nobody' },
  { name: 'register', path: () => '/register', as: 'nobody' },
  { name: 'not-found', path: () => '/nowhere', as: 'nobody' },
  { name: 'verify', path: () => '/verify', as: 'nobody' },
  { name: 'verify-result', path: (stack) => `/verify?trade=${stack.trades[0] ?? ''}`, as: 'nobody', prepare: checked },
  { name: 'trade', path: (stack) => `/trades/${stack.trades[0] ?? ''}`, as: 'nobody' },
  { name: 'trade-checked', path: (stack) => `/trades/${stack.trades[0] ?? ''}`, as: 'anna', prepare: check },
  { name: 'certificate', path: (stack) => `/certificates/${stack.certificateId}`, as: 'nobody', prepare: verdict },
  { name: 'welcome', path: () => '/welcome', as: 'anna' },
  { name: 'account', path: () => '/account', as: 'anna' },
  { name: 'dashboard', path: () => '/dashboard', as: 'anna' },
  { name: 'market', path: () => '/market', as: 'anna' },
  { name: 'market-review', path: () => '/market', as: 'anna', prepare: review },
  { name: 'trades', path: () => '/trades', as: 'anna' },
  { name: 'carbon', path: () => '/carbon', as: 'anna' },
  { name: 'houses', path: () => '/houses', as: 'anna' },
  { name: 'house', path: (stack) => `/houses/${stack.people.anna.houseId ?? ''}`, as: 'anna' },
  { name: 'islands', path: () => '/islands', as: 'operator' },
  { name: 'island', path: (stack) => `/islands/${stack.islandId}`, as: 'anna' },
  { name: 'island-report', path: (stack) => `/islands/${stack.islandId}`, as: 'operator', prepare: report },
  { name: 'auditor', path: () => '/auditor', as: 'auditor', prepare: audited },
  { name: 'operator', path: () => '/operator', as: 'operator' },
  { name: 'operator-people', path: () => '/operator?view=people', as: 'operator' },
  { name: 'operator-log', path: () => '/operator?view=log', as: 'operator' },
]

/** Waits until a page shows what it has to show, in the state that is worth seeing. */
export async function settled(page: Page, listed: ListedPage): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 }).or(page.getByText('There is no such page'))).toBeVisible()
  await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0)
  await listed.prepare?.(page)
}
