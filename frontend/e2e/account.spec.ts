// SPDX-License-Identifier: Apache-2.0
import { generatePrivateKey, privateKeyToAccount } from 'viem/accounts'
import { expect, test } from './support/test'

test('register by e-mail, link a wallet, accept an invitation', async ({ visitor, asOperator, stack }) => {
  const key = generatePrivateKey()
  const { page } = await visitor({ key })
  const email = `emma-${key.slice(2, 10)}@example.org`

  await page.goto('/register')
  await page.getByLabel('Your name').fill('Emma')
  await page.getByLabel('E-mail').fill(email)
  await page.getByLabel('Password').fill('a sentence nobody guesses 7')
  await page.getByRole('button', { name: 'Open the account' }).click()
  await expect(page.getByText('No invitation yet')).toBeVisible()
  await asOperator('POST', `/api/organizations/${stack.organizationId}/memberships`, { email, role: 'member' })
  await page.getByRole('button', { name: 'Look again' }).click()
  await page.getByRole('button', { name: 'Join' }).click()
  await expect(page.getByText('Sunny Lane').first()).toBeVisible()
  await page.getByRole('button', { name: 'Go on' }).click()
  await expect(page).toHaveURL(/\/dashboard/)

  await page.goto('/account')
  await page.getByRole('button', { name: 'Link or change' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Test wallet' }).click()
  await dialog.getByRole('button', { name: 'Sign and link' }).click()
  await expect(page.getByText('Wallet linked')).toBeVisible()
  await expect(page.getByRole('button', { name: `Copy ${privateKeyToAccount(key).address.slice(0, 10)}` })).toBeVisible()
})

test('link a wallet: the wallet shows readable typed data', async ({ signedIn }) => {
  const { page, wallet, person } = await signedIn({ key: generatePrivateKey() })
  const other = privateKeyToAccount(generatePrivateKey())
  await page.goto('/account')
  wallet.useAccount(other)
  await page.getByRole('button', { name: 'Link or change' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('It comes').selectOption({ index: 1 })
  await dialog.getByRole('button', { name: 'Sign and link' }).click()
  await expect(dialog.getByText('The new wallet has signed')).toBeVisible()
  const { primaryType, message } = wallet.lastTypedData()
  expect(primaryType).toBe('LinkWallet')
  expect(Object.keys(message)).toEqual(['userId', 'nonce', 'expiry'])
  wallet.useOwnAccount()
  await dialog.getByRole('button', { name: 'Sign with the old wallet' }).click()

  await expect(page.getByText('Wallet linked')).toBeVisible()
  await expect(page.getByText(/^until /)).toBeVisible()
  expect(person.address).not.toBe(other.address)
})

test('API keys: made, shown once, used by a program, revoked', async ({ signedIn, request, stack }) => {
  const { page } = await signedIn('carla')
  await page.goto('/account')
  await page.getByRole('button', { name: 'New key' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Name').fill('Meter bridge')
  await dialog.getByRole('button', { name: 'Make the key' }).click()
  const text = (await dialog.getByText(/^gxk_/).textContent()) ?? ''
  const asked = () => request.get(`${stack.url}/api/houses`, { headers: { Authorization: `Bearer ${text}` } })
  expect((await asked()).status()).toBe(200)
  await dialog.getByRole('button', { name: 'I have kept it' }).click()
  await page.getByRole('button', { name: 'Revoke Meter bridge' }).first().click()

  await expect(page.getByText('Revoked').first()).toBeVisible()
  expect((await asked()).status()).toBe(401)
})

test('sessions: another one is ended and cannot go on', async ({ signedIn }) => {
  const key = generatePrivateKey()
  const here = await signedIn({ key })
  const there = await signedIn({ key })
  await there.page.goto('/account')
  await here.page.goto('/account')
  const sessions = here.page.getByRole('region', { name: 'Sessions' })
  await expect(sessions.getByRole('row', { name: /Chrome on Linux/ })).toHaveCount(2)
  await expect(sessions.getByRole('row', { name: /This one/ })).toHaveCount(1)

  await here.page.getByRole('button', { name: /End the session/ }).click()

  await expect(here.page.getByRole('button', { name: /End the session/ })).toHaveCount(0)
  await there.page.reload()
  await expect(there.page).toHaveURL(/\/sign-in/)
})

test('profile: a name for the leaderboard, kept after a reload', async ({ signedIn }) => {
  const { page } = await signedIn({ key: generatePrivateKey() })
  await page.goto('/account')
  await page.getByLabel('Name', { exact: true }).fill('Sunny Sue')
  await page.getByLabel('Name on the leaderboard').fill('Sue of the South')
  await page.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByText('Profile saved')).toBeVisible()
  await page.reload()

  await expect(page.getByLabel('Name on the leaderboard')).toHaveValue('Sue of the South')
  await expect(page.getByRole('button', { name: 'Account of Sunny Sue' })).toBeVisible()
})
