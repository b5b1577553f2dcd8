// SPDX-License-Identifier: Apache-2.0
/** Trades and their proofs, checked in the browser itself; a tampered bundle is refused; the list is filtered and saved. */
import { readFile, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Download, Page } from '@playwright/test'
import { generatePrivateKey } from 'viem/accounts'
import { expect, test } from './support/test'
import type { Stack } from './support/stack'
import { intervalAhead, Trader } from './support/trading'

const outcome = (page: Page) => page.locator('[data-outcome]')
const text = async (download: Download) => readFile(await download.path(), 'utf8')

/** The bundle of a trade, as its page offers it. */
async function bundleOf(page: Page, stack: Stack): Promise<{ text: string; trade: string }> {
  const [trade = ''] = stack.trades
  await page.goto(`/trades/${trade}`)
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'Bundle' }).click()])
  return { text: await text(download), trade }
}

async function drop(page: Page, content: string, name = 'proof.json'): Promise<void> {
  const file = join(tmpdir(), `gridx-${process.pid.toString()}-${Date.now().toString()}-${name}`)
  await writeFile(file, content)
  await page.getByLabel(/Drop a proof bundle here|Check another proof/).setInputFiles(file)
}

test('a trade’s proof is checked in the browser, without an account', async ({ page, stack }) => {
  await page.goto(`/trades/${stack.trades[0] ?? ''}`)
  await expect(page.getByRole('heading', { level: 1 })).toContainText(/Blockchain verified|Verified, final/)

  await page.getByRole('button', { name: 'Check in this browser' }).click()

  await expect(outcome(page)).toHaveAttribute('data-outcome', 'consistent')
  await expect(outcome(page)).toContainText(/Consistent with block \d+/)
  await expect(page.getByRole('region', { name: 'Carbon entries' })).toContainText('Earned')
})

test('a node of one’s own turns consistent into proven', async ({ page, stack }) => {
  const trade = stack.trades[1] ?? ''
  await page.goto(`/verify?trade=${trade}`)
  await expect(outcome(page)).toHaveAttribute('data-outcome', 'consistent')

  await page.getByLabel('A node of your own').fill(stack.rpcUrl)
  await page.getByRole('button', { name: 'Ask this node' }).click()

  await expect(outcome(page)).toHaveAttribute('data-outcome', 'proven')
  await expect(page.getByText('signed by its maker').first()).toBeVisible()
  await expect(page.getByText('this GridX')).toBeVisible()
})

test('the wallet’s node, or a hash from elsewhere, proves a saved bundle; another hash refutes it', async ({ visitor, stack }) => {
  const { page, wallet } = await visitor('ben')
  wallet.permitted = true
  const bundle = await bundleOf(page, stack)
  const block = (JSON.parse(bundle.text) as { database: { blockHash: string } }).database.blockHash
  await page.goto('/verify')
  await drop(page, bundle.text)
  await page.getByRole('button', { name: 'Ask my wallet’s node' }).click()
  await expect(outcome(page)).toHaveAttribute('data-outcome', 'proven')

  await drop(page, bundle.text, 'again.json')
  await page.getByLabel('Block hash from elsewhere').fill(block)
  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(outcome(page)).toHaveAttribute('data-outcome', 'proven')

  await drop(page, bundle.text, 'once-more.json')
  await page.getByLabel('Block hash from elsewhere').fill(`0x${'07'.repeat(32)}`)
  await page.getByRole('button', { name: 'Compare' }).click()
  await expect(outcome(page)).toHaveAttribute('data-outcome', 'false')
  await expect(page.getByText('not the hash that you trust')).toBeVisible()
})

test('a tampered proof is refused, and the field named', async ({ page, stack }) => {
  const bundle = await bundleOf(page, stack)
  const forged = JSON.parse(bundle.text) as { database: { energyWh: string } }
  const truth = forged.database.energyWh
  forged.database.energyWh = String(Number(truth) + 1000)
  await page.goto('/verify')

  await drop(page, JSON.stringify(forged), 'forged.json')

  await expect(outcome(page)).toHaveAttribute('data-outcome', 'false')
  const list = page.getByRole('list', { name: 'What is false' })
  await expect(list).toContainText('GridX’s record: energy')
  await expect(list).toContainText('Seal of the bundle')
  await drop(page, 'no json at all', 'broken.json')
  await expect(page.getByRole('alert')).toContainText('is no JSON file')
})

test('a matched trade says why this price; both orders in it are signed', async ({ signedIn, stack }) => {
  const interval = { deliveryStart: intervalAhead(stack, 40), energyKwh: '0.2' }
  const [seller, buyer] = await Promise.all([new Trader(stack, stack.people.anna).signIn(), new Trader(stack, stack.people.ben).signIn()])
  await seller.place({ side: 'offer', pricePerKwh: '0.19', ...interval })
  const bid = await buyer.place({ side: 'bid', pricePerKwh: '0.24', ...interval })
  const [match] = await buyer.ask<{ tradeId: string }[]>('GET', `/api/market/matches?orderId=${bid.id}`)
  const trade = match?.tradeId ?? ''
  await expect.poll(() => buyer.ask('GET', `/api/energy-trades/${trade}`).then(() => 'recorded', () => 'not yet'), { timeout: 30_000 }).toBe('recorded')
  const { page } = await signedIn('ben')

  await page.goto(`/trades/${trade}`)
  await expect(page.getByText('Continuous book')).toBeVisible()
  await expect(page.getByText(/came last and met the best resting offer at exactly that offer's limit/)).toBeVisible()
  await page.goto(`/verify?trade=${trade}`)

  await expect(page.getByText('signed by its maker')).toHaveCount(2)
})

test('trades are filtered by side, ordered, and saved as CSV', async ({ signedIn }) => {
  const { page, person } = await signedIn('anna')
  await page.goto('/trades')
  const table = page.getByRole('region', { name: 'Your trades' })
  await expect(table.getByRole('row').nth(1)).toBeVisible()

  await page.getByLabel('Side').selectOption('sold')
  await expect(page).toHaveURL(/side=sold/)
  await expect(table.getByRole('cell', { name: 'Bought', exact: true })).toHaveCount(0)
  await page.getByRole('button', { name: 'Energy' }).click()
  await expect(table.getByRole('columnheader', { name: 'Energy' })).toHaveAttribute('aria-sort', 'descending')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])

  const [header = '', ...lines] = (await text(download)).trim().split('\r\n')
  const seller = header.split(',').indexOf('seller')
  const energy = header.split(',').indexOf('energyKwh')
  expect(new Set(lines.map((line) => line.split(',')[seller]))).toEqual(new Set([person.address]))
  const amounts = lines.map((line) => Number(line.split(',')[energy]))
  expect(amounts).toEqual([...amounts].sort((one, other) => other - one))
  await page.getByLabel('State').selectOption('failed')
  await expect(page.getByText('No trade fits these filters')).toBeVisible()
})

test('a claim whose transaction nobody has seen waits in the list, and is saved as CSV', async ({ signedIn, asPerson, stack }) => {
  const { page } = await signedIn('carla')
  const txHash = generatePrivateKey() // 32 bytes that no transaction has
  const { carla, ben } = stack.people
  await asPerson('carla', 'POST', '/api/energy-trades', { sellerId: carla.userId, buyerId: ben.userId, energyKwh: '1.25', pricePerKwh: '0.2', txHash })

  await page.goto('/trades?status=pending')
  await expect(page.getByRole('region', { name: 'Your trades' })).toContainText('1.25')
  const [download] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'CSV' }).click()])

  expect(download.suggestedFilename()).toBe('gridx-claims.csv')
  const [header, ...lines] = (await text(download)).trim().split('\r\n')
  expect(header).toContain('claimId,status,reason')
  expect(lines.find((line) => line.includes(txHash))).toContain('pending')
})
