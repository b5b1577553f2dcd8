// SPDX-License-Identifier: Apache-2.0
/** Selling, bidding and buying with wallets that really sign, on a chain that really mines. */
import type { Page } from '@playwright/test'
import { toHex } from 'viem'
import { ask } from './support/node'
import { expect, test } from './support/test'
import { intervalAhead, Trader } from './support/trading'

const card = (page: Page, title: string) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) })
const ticket = (page: Page) => card(page, 'Trade')
const dialog = (page: Page) => page.getByRole('dialog')
const verified = (page: Page) => dialog(page).getByRole('link', { name: 'See the trade and its proof' })

/** The buyer's page on the offers of one interval, the first of which is chosen. */
async function choose(page: Page, interval: Date): Promise<void> {
  await page.goto(`/market?interval=${interval.toISOString()}`)
  const offers = card(page, 'Direct offers')
  await offers.getByRole('radio', { name: 'This interval' }).check()
  await offers.getByRole('button', { name: /^Buy/ }).first().click()
}

async function reserve(page: Page, energy: string): Promise<void> {
  await dialog(page).getByLabel('Energy').fill(energy)
  await dialog(page).getByRole('button', { name: 'Reserve and review' }).click()
  await expect(dialog(page).getByRole('button', { name: 'Confirm in the wallet' })).toBeVisible()
}

const confirm = (page: Page) => dialog(page).getByRole('button', { name: /Confirm in the wallet|Try again/ }).click()

test('sell: checked before it is signed, shown in words, placed in the book, cancelled', async ({ signedIn, stack }) => {
  const { page, wallet } = await signedIn('anna')
  const interval = intervalAhead(stack, 20)
  await page.goto(`/market?interval=${interval.toISOString()}`)
  await ticket(page).getByRole('radio', { name: 'Sell' }).check()
  await ticket(page).getByLabel('Energy').fill('99')
  await ticket(page).getByLabel('Lowest price').fill('0.9')
  await ticket(page).getByRole('button', { name: 'Review the offer' }).click()
  await expect(ticket(page)).toContainText('kWh more in this interval')
  await expect(ticket(page)).toContainText('highest price is 0.3200 USD/kWh')

  await ticket(page).getByLabel('Energy').fill('0.4')
  await ticket(page).getByLabel('Lowest price').fill('0.25')
  await ticket(page).getByRole('button', { name: 'Review the offer' }).click()
  await expect(dialog(page)).toContainText('You sell up to 0.4 kWh')
  await dialog(page).getByRole('button', { name: 'Sign in the wallet' }).click()

  await expect(dialog(page)).toContainText('Your offer is placed')
  expect(wallet.lastTypedData().message).toMatchObject({ energyWh: '400', pricePerKwh: '250000', isBid: false })
  await dialog(page).getByRole('button', { name: 'Done' }).click()
  await expect(card(page, 'Order book').getByRole('region', { name: 'Offers' })).toContainText('0.2500')
  const row = card(page, 'Your orders').getByRole('row', { name: /0\.400/ })
  await row.getByRole('button', { name: /Cancel/ }).click()
  await dialog(page).getByRole('button', { name: 'Cancel the order' }).click()
  await expect(row).toBeHidden()
})

test('bid: meets an offer of the book and is logged on chain by the market', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 21)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  const { page } = await signedIn('ben')
  await page.goto(`/market?interval=${interval.toISOString()}`)
  await expect(card(page, 'Order book')).toContainText('Nothing is offered or wanted yet')
  await seller.place({ side: 'offer', deliveryStart: interval, energyKwh: '0.3', pricePerKwh: '0.2' })
  await card(page, 'Order book').getByRole('button', { name: /0\.2000/ }).click() // came by itself, over the WebSocket

  await ticket(page).getByLabel('Energy').fill('0.3')
  await ticket(page).getByLabel('Highest price').fill('0.25')
  await ticket(page).getByRole('button', { name: 'Review the bid' }).click()
  await dialog(page).getByRole('button', { name: 'Sign in the wallet' }).click()

  await expect(dialog(page)).toContainText('Filled at once')
  await expect(dialog(page).getByRole('link', { name: 'See the trade and its proof' })).toBeVisible({ timeout: 30_000 })
})

test('buy: each step is seen, the chain verifies it, carbon moves, a board in another browser too', async ({ signedIn, page: stranger, stack }) => {
  const interval = intervalAhead(stack, 22)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.8', pricePerKwh: '0.21' })
  await stranger.goto('/leaderboard')
  const place = stranger.getByRole('row', { name: /Ben/ }).first()
  const before = await place.textContent()
  const { page, wallet } = await signedIn('ben')
  await choose(page, interval)
  const counter = await page.getByTestId('carbon-counter').textContent()
  await reserve(page, '0.6')
  await expect(dialog(page)).toContainText('You buy 0.600 kWh')

  await confirm(page)

  await expect(dialog(page).getByText('Submitted: done')).toBeAttached()
  await expect(verified(page)).toBeVisible({ timeout: 30_000 })
  await expect(dialog(page)).toContainText('CO₂e avoided (estimate)')
  await expect(dialog(page).getByRole('link', { name: /opens the explorer/ })).toHaveAttribute('href', /^https:\/\/explorer\.example\/tx\/0x/)
  expect(wallet.requests.filter(({ method }) => method === 'eth_sendTransaction')).toHaveLength(1)
  await expect(page.getByTestId('carbon-counter')).not.toHaveText(counter ?? '')
  await expect(place).not.toHaveText(before ?? '')
})

test('buy: declined in the wallet says so and can be tried again', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 23)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page, wallet } = await signedIn('carla')
  await choose(page, interval)
  await reserve(page, '0.2')
  wallet.rejectNext('eth_sendTransaction')

  await confirm(page)
  await expect(dialog(page).getByRole('alert')).toContainText('You declined in your wallet')
  await confirm(page)

  await expect(verified(page)).toBeVisible({ timeout: 30_000 })
})

test('buy: an account with a little too little is told how much it needs, before the wallet is asked', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 31)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page, wallet, person } = await signedIn('carla')
  const before = await ask<string>(stack, 'eth_getBalance', person.address, 'latest')
  await choose(page, interval)
  await reserve(page, '0.2')
  const tip = BigInt(await ask<string>(stack, 'eth_maxPriorityFeePerGas'))
  await ask(stack, 'anvil_setBalance', person.address, toHex(60_000n * tip)) // a purchase takes 63,000 gas and more
  try {
    await confirm(page)
    await expect(dialog(page).getByRole('alert')).toContainText(/Your wallet has 0\.[0-9]+ ETH, and the transaction may cost up to 0\.[0-9]+ ETH/)
    await expect(dialog(page).getByRole('alert')).toContainText(`to ${person.address}`)
    expect(wallet.requests.map(({ method }) => method)).not.toContain('eth_sendTransaction')
  } finally {
    await ask(stack, 'anvil_setBalance', person.address, before)
  }
  await confirm(page)

  await expect(verified(page)).toBeVisible({ timeout: 30_000 })
})

test('buy: a wallet on another network is asked to switch first', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 24)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page, wallet } = await signedIn('ben')
  wallet.chainId = 1
  await choose(page, interval)
  await dialog(page).getByRole('button', { name: 'Reserve and review' }).click()
  await expect(dialog(page).getByRole('alert')).toContainText('Switch the wallet to the right network')

  await dialog(page).getByRole('button', { name: /^Switch to/ }).click()
  await reserve(page, '0.2')

  expect(wallet.chainId).toBe(stack.chainId)
})

test('buy: an offer that its seller has taken back is refused in words, before anything is sent', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 25)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  const { slot } = await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page, wallet } = await signedIn('ben')
  await choose(page, interval)
  await reserve(page, '0.2')
  await seller.cancelOnChain(slot, interval)

  await confirm(page)

  await expect(dialog(page).getByRole('alert')).toContainText('The seller has cancelled this offer')
  expect(wallet.requests.map(({ method }) => method)).not.toContain('eth_sendTransaction')
})

test('buy: a transaction that reverts on chain is told with what it means', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 26)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  const { slot } = await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page, wallet } = await signedIn('ben')
  await choose(page, interval)
  await reserve(page, '0.2')
  wallet.beforeSend = () => seller.cancelOnChain(slot, interval) // between the wallet's look and the block

  await confirm(page)

  await expect(dialog(page).getByRole('alert')).toContainText('mined and refused by the contract', { timeout: 30_000 })
})

test('buy: a reload in the middle goes on, on whatever page', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 27)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page } = await signedIn('ben')
  await choose(page, interval)
  await reserve(page, '0.2')
  await page.route('**/api/energy-trades', (route) => (route.request().method() === 'POST' ? route.abort() : route.continue()))
  await confirm(page)
  await expect(dialog(page)).toContainText('The hash waits in this browser', { timeout: 30_000 })

  await page.unroute('**/api/energy-trades')
  const posted = page.waitForResponse((answer) => answer.url().endsWith('/api/energy-trades') && answer.request().method() === 'POST')
  await page.goto('/carbon')

  expect((await posted).ok()).toBe(true)
  await page.goto('/market')
  const purchases = card(page, 'Your purchases')
  await expect(purchases.getByRole('listitem').first()).toContainText('verified', { timeout: 30_000 })
})

test('buy: reserved, left, taken up again after a reload', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 28)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.2', pricePerKwh: '0.2' })
  const { page } = await signedIn('carla')
  await choose(page, interval)
  await reserve(page, '0.1')

  await page.reload()
  await card(page, 'Your purchases').getByRole('button', { name: 'Continue' }).first().click()
  await confirm(page)

  await expect(verified(page)).toBeVisible({ timeout: 30_000 })
})

test('sell: a direct offer is taken back by a transaction of its seller', async ({ signedIn, stack }) => {
  const interval = intervalAhead(stack, 29)
  const seller = await new Trader(stack, stack.people.carla).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.077', pricePerKwh: '0.2' })
  const { page, wallet } = await signedIn('carla')
  await page.goto('/market')
  const row = card(page, 'Your orders').getByRole('row', { name: /0\.077/ })
  await expect(row).toContainText('sell, direct')
  await row.getByRole('button', { name: /Cancel/ }).click()

  await dialog(page).getByRole('button', { name: 'Cancel on chain' }).click()

  await expect(page.getByText('The offer is cancelled on chain')).toBeVisible({ timeout: 30_000 })
  await expect(row).toBeHidden({ timeout: 30_000 })
  expect(wallet.requests.map(({ method }) => method)).toContain('eth_sendTransaction')
})
