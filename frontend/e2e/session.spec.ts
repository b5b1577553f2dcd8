// SPDX-License-Identifier: Apache-2.0
import { generatePrivateKey } from 'viem/accounts'
import { expect, test } from './support/test'

test('sign in by wallet: a newcomer is welcomed', async ({ visitor }) => {
  const { page } = await visitor({ key: generatePrivateKey() })

  await page.goto('/sign-in')
  await page.getByRole('button', { name: 'Test wallet' }).click()
  await page.getByRole('button', { name: 'Sign in with this wallet' }).click()

  await expect(page).toHaveURL(/\/welcome/)
  await expect(page.getByRole('heading', { level: 1 })).toBeVisible()
})

test('sign in by wallet: declined, then signed', async ({ visitor }) => {
  const { page, wallet } = await visitor('anna')

  await page.goto('/sign-in?then=/trades')
  await page.getByRole('button', { name: 'Test wallet' }).click()
  wallet.rejectNext('personal_sign')
  await page.getByRole('button', { name: 'Sign in with this wallet' }).click()
  await expect(page.getByRole('alert')).toContainText('You declined in your wallet')
  await page.getByRole('button', { name: 'Sign in with this wallet' }).click()

  await expect(page).toHaveURL(/\/trades$/)
})

test('sign in by wallet: on another network it offers to add and switch', async ({ visitor }) => {
  const { page, wallet } = await visitor('ben', { chainId: 1 })

  await page.goto('/sign-in')
  await page.getByRole('button', { name: 'Test wallet' }).click()
  await page.getByRole('button', { name: 'Switch to GridX local' }).click()
  await page.getByRole('button', { name: 'Sign in with this wallet' }).click()

  await expect(page).toHaveURL(/\/dashboard$/)
  expect(wallet.requests.map(({ method }) => method)).toContain('wallet_addEthereumChain')
})

test('sign in by e-mail: a wrong password is told, the right one goes on', async ({ page, stack }) => {
  await page.goto('/sign-in')
  await page.getByLabel('E-mail').fill(stack.auditor.email)
  await page.getByLabel('Password').fill('not this one')
  await page.getByRole('button', { name: 'Sign in by e-mail' }).click()
  await expect(page.getByRole('alert')).toContainText('E-mail or password is wrong')
  await page.getByLabel('Password').fill(stack.auditor.password)
  await page.getByRole('button', { name: 'Sign in by e-mail' }).click()

  await expect(page).toHaveURL(/\/dashboard$/)
})

test('a session lasts over a reload and ends in every tab', async ({ signedIn }) => {
  const { page, context } = await signedIn('carla')
  await page.goto('/account')
  await page.reload()
  const other = await context.newPage()
  await other.goto('/account')
  await expect(other.getByRole('button', { name: 'Account of Carla' })).toBeVisible()

  await page.getByRole('button', { name: 'Account of Carla' }).click()
  await page.getByRole('button', { name: 'Sign out' }).click()

  await expect(page.getByRole('link', { name: 'Sign in' }).first()).toBeVisible()
  await expect(other.getByRole('link', { name: 'Sign in' }).first()).toBeVisible()
})

test('a page for members asks strangers to sign in first', async ({ page }) => {
  await page.goto('/market')

  await expect(page).toHaveURL('/sign-in?then=%2Fmarket')
})
