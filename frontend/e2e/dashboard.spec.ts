// SPDX-License-Identifier: Apache-2.0
/** The dashboard: the day as the meter says it, orders as they are placed, honest words where little is known. */
import type { Page } from '@playwright/test'
import { expect, test } from './support/test'
import { intervalAhead, Trader } from './support/trading'

const card = (page: Page, title: string) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) })

test('the day, an order that appears by itself, a forecast or why there is none', async ({ signedIn, stack }) => {
  const { page } = await signedIn('carla')
  await page.goto('/dashboard')
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Carla' })).toBeVisible()
  await expect(card(page, 'Today').getByRole('figure')).toContainText('Today until')
  const price = page.getByRole('main').locator('div', { has: page.getByText('Last price', { exact: true }) }).last()
  await expect(price).toContainText(/Average of delivery .*[0-9]{2}:[0-9]{2}–[0-9]{2}:[0-9]{2}/)
  const outlook = card(page, 'Next 24 hours')
  await expect(outlook.getByRole('figure').or(outlook.getByText('No forecast yet')).or(outlook.getByRole('alert'))).toBeVisible({ timeout: 30_000 })
  const orders = card(page, 'Open orders')
  await expect(orders).not.toContainText('0.123 kWh')

  const carla = await new Trader(stack, stack.people.carla).signIn()
  await carla.place({ side: 'offer', deliveryStart: intervalAhead(stack, 40), energyKwh: '0.123', pricePerKwh: '0.31' })

  await expect(orders).toContainText('0.123 kWh')
  await orders.getByRole('link', { name: /0\.123 kWh/ }).click()
  await expect(page).toHaveURL(/\/market\?interval=/)
})
