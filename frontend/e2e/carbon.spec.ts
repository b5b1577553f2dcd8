// SPDX-License-Identifier: Apache-2.0
/** Carbon is retired and given by signed documents; certificates are checked in the visitor's browser. */
import { privateKeyToAccount } from 'viem/accounts'
import { expect, test } from './support/test'

test('retire: declined, then signed; the certificate is checked by whoever opens it', async ({ signedIn, page: stranger }) => {
  const { page, wallet } = await signedIn('ben')
  await page.goto('/carbon')
  await page.getByRole('button', { name: 'Retire' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Amount').fill('99999')
  await dialog.getByRole('button', { name: 'Go on' }).click()
  await expect(dialog.getByText('are available in this wallet')).toBeVisible()
  await dialog.getByLabel('Amount').fill('0.012')
  await dialog.getByLabel('What for').fill('A flight from Los Angeles to Oakland')
  await dialog.getByRole('button', { name: 'Go on' }).click()
  wallet.rejectNext('eth_signTypedData_v4')
  await dialog.getByRole('button', { name: 'Sign in your wallet' }).click()
  await expect(dialog.getByRole('alert')).toContainText('You declined in your wallet')
  await dialog.getByRole('button', { name: 'Try again' }).click()
  await expect(dialog.getByText('0.012 kg retired for ever')).toBeVisible()
  expect(wallet.lastTypedData()).toMatchObject({ primaryType: 'CarbonRetirement', message: { grams: '12', reason: 'A flight from Los Angeles to Oakland' } })
  await dialog.getByRole('link', { name: 'See the certificate' }).click()
  await expect(page).toHaveURL(/\/certificates\//)

  await stranger.goto(page.url())
  await expect(stranger.getByText('A flight from Los Angeles to Oakland')).toBeVisible()
  await expect(stranger.getByRole('status').filter({ hasText: 'Checked in your browser' })).toContainText('signed exactly this')
})

test('a certificate that says something else than was signed is not believed', async ({ signedIn }) => {
  const { page } = await signedIn('ben')
  await page.goto('/carbon')
  await page.getByRole('button', { name: 'Retire' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Amount').fill('0.003')
  await dialog.getByLabel('What for').fill('Three grams')
  await dialog.getByRole('button', { name: 'Go on' }).click()
  await dialog.getByRole('button', { name: 'Sign in your wallet' }).click()
  const link = dialog.getByRole('link', { name: 'See the certificate' })
  await expect(link).toBeVisible()
  await page.route('**/api/carbon-wallet/certificates/*', async (route) => {
    const answer = await route.fetch()
    await route.fulfill({ response: answer, body: (await answer.text()).replace('"carbonKg":"0.003"', '"carbonKg":"3"') })
  })
  await link.click()

  await expect(page.getByText('Do not rely on this certificate: its amount is not what was signed.')).toBeVisible()
})

test('give: the other wallet receives it, and the ledger shows both sides', async ({ signedIn, stack }) => {
  const to = privateKeyToAccount(stack.people.carla.key).address
  const { page } = await signedIn('ben')
  await page.goto('/carbon')
  await page.getByRole('button', { name: 'Give' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Amount').fill('0.005')
  await dialog.getByLabel('To the wallet').fill(to)
  await dialog.getByRole('button', { name: 'Go on' }).click()
  await dialog.getByRole('button', { name: 'Sign in your wallet' }).click()
  await expect(dialog.getByText(/0\.005 kg given to/)).toBeVisible()
  await dialog.getByRole('button', { name: 'Close' }).last().click()

  const entry = page.getByRole('region', { name: 'Entries' }).getByRole('row', { name: /Spent/ }).first()
  await expect(entry).toContainText('−5 g')
  const { page: theirs } = await signedIn('carla')
  await theirs.goto('/carbon')
  await expect(theirs.getByRole('region', { name: 'Entries' }).getByRole('row', { name: /Received/ }).first()).toContainText('5 g')
})
