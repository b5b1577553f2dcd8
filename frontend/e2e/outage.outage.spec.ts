// SPDX-License-Identifier: Apache-2.0
import { command } from './support/stack'
import { expect, test } from './support/test'

test('backend down and back: the page says so, keeps what it showed and goes on by itself', async ({ signedIn, stack }) => {
  const { page } = await signedIn('anna')
  await page.goto('/account')
  await expect(page.getByRole('heading', { name: 'Sessions' })).toBeVisible()
  await page.goto('/leaderboard')
  await expect(page.getByText('Live', { exact: true })).toBeVisible()

  await command(stack, 'stop api')
  await expect(page.getByText(/interrupted|cannot be reached/).first()).toBeVisible()
  await page.getByRole('link', { name: 'Trades', exact: true }).first().click()
  await expect(page.getByRole('button', { name: 'Try again' }).first()).toBeVisible({ timeout: 30_000 })
  await command(stack, 'start api')

  await expect(page.getByRole('button', { name: 'Try again' })).toHaveCount(0, { timeout: 30_000 })
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
})

test.describe('with the service worker', () => {
  test.use({ serviceWorkers: 'allow' })

  test('offline: the app opens, shows the last data and says how old they are', async ({ signedIn, stack }) => {
    const { page } = await signedIn('anna')
    await page.goto('/houses')
    await page.evaluate(async () => {
      await navigator.serviceWorker.ready
    })
    await page.reload()
    await expect(page.getByRole('heading', { level: 1, name: 'Houses' })).toBeVisible()
    await expect(page.getByText('Anna').first()).toBeVisible()

    await command(stack, 'stop api')
    try {
      await page.reload()
      await expect(page.getByText(/You see what was loaded/)).toBeVisible()
      await expect(page.getByText('Anna').first()).toBeVisible()
    } finally {
      await command(stack, 'start api')
    }
    await page.reload()
    await expect(page.getByText(/You see what was loaded/)).toHaveCount(0)
  })
})
