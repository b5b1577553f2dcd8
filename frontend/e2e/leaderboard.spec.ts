// SPDX-License-Identifier: Apache-2.0
/** The public board: no account, two clicks to a proof, and places that move while one looks. */
import { generatePrivateKey } from 'viem/accounts'
import { join } from './support/community'
import { expect, test } from './support/test'

test('front page and board need no account; a named line leads to a trade and its proof in two clicks', async ({ page }) => {
  await page.goto('/')
  await expect(page.getByRole('region', { name: 'GridX in figures' }).getByText('Trades with proof')).toBeVisible()
  await page.getByRole('link', { name: 'Leaderboard' }).first().click()
  await page.getByRole('region', { name: 'Leaderboard' }).getByRole('link').first().click()
  await expect(page.getByText('Chose to be named on the board')).toBeVisible()
  await page.getByRole('region', { name: 'Trades' }).getByRole('link').first().click()

  await expect(page).toHaveURL(/\/trades\/0x/)
})

test('names: a newcomer chooses to be named, and later an alias again', async ({ signedIn, page: stranger, asOperator, stack }) => {
  const { page, context } = await signedIn({ key: generatePrivateKey() })
  const userId = await join(context, stack, asOperator, 'member')
  await page.goto('/leaderboard')
  await expect(page.getByText('You are not ranked in this period yet.')).toBeVisible()
  await page.getByRole('button', { name: 'Show your name' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Nina of the Lane')
  await dialog.getByRole('button', { name: 'Show this name' }).click()
  await expect(page.getByText('You are shown as “Nina of the Lane”')).toBeVisible()
  await stranger.goto(`/leaderboard/${userId}`)
  await expect(stranger.getByRole('heading', { level: 1, name: 'Nina of the Lane' })).toBeVisible()
  await expect(stranger.getByText('No trade is recorded yet')).toBeVisible()

  await page.getByRole('button', { name: 'Change your name here' }).click()
  await dialog.getByRole('button', { name: 'Use an alias again' }).click()
  await expect(page.getByText('You are shown under an alias')).toBeVisible()
  await stranger.reload()

  await expect(stranger.getByText('Nobody is named here')).toBeVisible()
})

test('the board can be narrowed by period and community, and the address says which', async ({ page }) => {
  await page.goto('/leaderboard')
  await page.getByRole('radio', { name: 'This month' }).check()
  await page.getByLabel('Community').selectOption('1')
  await expect(page).toHaveURL(/period=month/)
  await expect(page).toHaveURL(/community=1/)
  await page.reload()

  await expect(page.getByRole('radio', { name: 'This month' })).toBeChecked()
  await expect(page.getByLabel('Community')).toHaveValue('1')
})
