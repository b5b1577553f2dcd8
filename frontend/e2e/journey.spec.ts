// SPDX-License-Identifier: Apache-2.0
/** The first day of somebody new: wallet, invitation, house, a purchase that the chain verifies. */
import { expect, test } from './support/test'
import { intervalAhead, Trader } from './support/trading'

test('a newcomer: registers by wallet, is invited, adds a house, buys from a neighbour', async ({ visitor, asOperator, stack }) => {
  const interval = intervalAhead(stack, 30)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.5', pricePerKwh: '0.19' })
  const { page, person } = await visitor('dora')
  await page.goto('/sign-in')
  await page.getByRole('button', { name: 'Test wallet' }).click()
  const signedIn = page.waitForResponse((answer) => answer.url().endsWith('/api/auth/siwe/verify'))
  await page.getByRole('button', { name: 'Sign in with this wallet' }).click()
  const { data } = (await (await signedIn).json()) as { data: { user: { id: string } } }
  await expect(page).toHaveURL(/\/welcome/)

  await asOperator('POST', `/api/organizations/${stack.organizationId}/memberships`, { userId: data.user.id, role: 'member' })
  await page.reload()
  await page.getByRole('button', { name: 'Join' }).click()
  await page.getByLabel('Your name').fill('Dora')
  await page.getByRole('button', { name: 'Go on' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Dora' })).toBeVisible()

  await page.goto('/houses')
  await page.getByRole('button', { name: 'Add a house' }).first().click()
  const form = page.getByRole('dialog')
  await form.getByLabel('Name').fill('Red door')
  await form.getByLabel('Panels deliver at most').fill('0')
  await form.getByLabel('Latitude').fill('34.09')
  await form.getByLabel('Longitude').fill('-117.44')
  await form.getByLabel('Meter').selectOption({ value: person.meter })
  await form.getByRole('button', { name: 'Add house' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Red door' })).toBeVisible()

  await page.goto(`/market?interval=${interval.toISOString()}`)
  await page.getByRole('radio', { name: 'This interval' }).check()
  await page.getByRole('button', { name: /^Buy from the offer/ }).first().click()
  await page.getByRole('dialog').getByLabel('Energy').fill('0.5')
  await page.getByRole('dialog').getByRole('button', { name: 'Reserve and review' }).click()
  await page.getByRole('dialog').getByRole('button', { name: 'Confirm in the wallet' }).click()

  await expect(page.getByRole('dialog').getByRole('link', { name: 'See the trade and its proof' })).toBeVisible({ timeout: 30_000 })
})
