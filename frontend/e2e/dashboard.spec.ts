// SPDX-License-Identifier: Apache-2.0
/** The dashboard: the day as the meter says it, orders as they are placed, honest words where little is known. */
import type { Page } from '@playwright/test'
import { expect, test } from './support/test'
import { intervalAhead, Trader } from './support/trading'

const card = (page: Page, title: string) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) })

test('the day, a forecast drawn from ten days of readings, an order that appears by itself', async ({ signedIn, stack }) => {
  const { page } = await signedIn('carla')
  await page.goto('/dashboard')
  await expect(page.getByRole('heading', { level: 1, name: 'Hello, Carla' })).toBeVisible()
  await expect(card(page, 'Today').getByRole('figure')).toContainText('Today until')
  const produced = card(page, 'Today').locator('.u-legend .u-series').filter({ hasText: 'Production, kWh' }).locator('.u-value')
  await expect(produced).toBeHidden()
  await card(page, 'Today').locator('.u-over').hover({ position: { x: 40, y: 60 } })
  await expect(produced).toBeVisible()
  await expect(produced).toHaveText(/^[0-9.]+$/)
  const price = page.getByRole('main').locator('div', { has: page.getByText('Last price', { exact: true }) }).last()
  await expect(price).toContainText(/Average of delivery .*[0-9]{2}:[0-9]{2}–[0-9]{2}:[0-9]{2}/)
  const outlook = card(page, 'Next 24 hours')
  await expect(outlook.getByRole('figure')).toContainText(/Likely prices of the next day, beginning with/, { timeout: 30_000 })
  await expect(outlook).toContainText(/(high|medium|low) confidence/)
  await expect(outlook).toContainText(/The community is expected to (need|have) [0-9.]+\s*kWh/)
  const cheapest = outlook.locator('div', { has: page.getByRole('heading', { name: 'Best to buy' }) }).last().getByRole('link')
  await expect(cheapest.first()).toContainText(/[0-9]{2}:[0-9]{2}–[0-9]{2}:[0-9]{2}/)
  const orders = card(page, 'Open orders')
  await expect(orders).not.toContainText('0.123 kWh')

  const carla = await new Trader(stack, stack.people.carla).signIn()
  await carla.place({ side: 'offer', deliveryStart: intervalAhead(stack, 40), energyKwh: '0.123', pricePerKwh: '0.31' })

  await expect(orders).toContainText('0.123 kWh')
  await orders.getByRole('link', { name: /0\.123 kWh/ }).click()
  await expect(page).toHaveURL(/\/market\?interval=/)
})
