// SPDX-License-Identifier: Apache-2.0
/** A real reorganisation: a verified trade loses its block, is shown so, is mined again and verified anew. */
import type { Page } from '@playwright/test'
import { type Hex, hexToNumber, type TransactionReceipt } from 'viem'
import { ask } from './support/node'
import type { Stack } from './support/stack'
import { expect, test } from './support/test'
import { intervalAhead, Trader } from './support/trading'

const RECORDED_MS = 30_000
const card = (page: Page, title: string) => page.locator('section', { has: page.getByRole('heading', { name: title, exact: true }) })
const whole = (page: Page, hash: string) => page.getByTitle(hash)

/** Rolls back to the block before `block` and mines another fork, one block longer: nothing of the old one is in it. */
async function replaceFrom(stack: Stack, block: Hex): Promise<void> {
  const depth = hexToNumber(await ask<Hex>(stack, 'eth_blockNumber')) - hexToNumber(block) + 1
  await ask(stack, 'anvil_reorg', depth, [])
  await ask(stack, 'anvil_mine', '0x1')
}

const receiptOf = (stack: Stack, hash: string) => ask<TransactionReceipt<Hex, Hex>>(stack, 'eth_getTransactionReceipt', hash)

test('a verified trade whose block loses is shown so at once, and verified again where it is mined anew', async ({ signedIn, official, stack }) => {
  const interval = intervalAhead(stack, 33)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', venue: 'direct', deliveryStart: interval, energyKwh: '0.3', pricePerKwh: '0.2' })
  const { page: auditor } = await official('auditor')
  await auditor.goto('/auditor')
  const { page, context, wallet } = await signedIn('ben')
  await page.goto(`/market?interval=${interval.toISOString()}`)
  await card(page, 'Direct offers').getByRole('radio', { name: 'This interval' }).check()
  await card(page, 'Direct offers').getByRole('button', { name: /^Buy/ }).first().click()
  const dialog = page.getByRole('dialog')
  await dialog.getByRole('button', { name: 'Reserve and review' }).click()
  await dialog.getByRole('button', { name: 'Confirm in the wallet' }).click()
  await dialog.getByRole('link', { name: 'See the trade and its proof' }).click({ timeout: RECORDED_MS })
  await ask(stack, 'evm_setIntervalMining', 0)
  const market = await context.newPage()
  await market.goto('/market')
  const purchase = card(market, 'Your purchases').getByRole('listitem').first()
  try {
    await expect(purchase).toContainText('verified')
    await expect(page.getByText('Blockchain verified').first()).toBeVisible()
    const [txHash = ''] = wallet.sent
    const raw = await ask<Hex>(stack, 'eth_getRawTransactionByHash', txHash)
    const lost = await receiptOf(stack, txHash)

    await replaceFrom(stack, lost.blockNumber)

    await expect(page.getByText('Block replaced').first()).toBeVisible({ timeout: RECORDED_MS })
    const orphan = page.locator('section', { has: page.getByText('The chain was reorganised') })
    await expect(orphan).toContainText('lost')
    await expect(purchase).toContainText('block lost')
    await expect(whole(page, lost.blockHash).first()).toBeVisible()
    const { hash: standing } = await ask<{ hash: Hex }>(stack, 'eth_getBlockByNumber', lost.blockNumber, false)
    const row = auditor.getByRole('region', { name: 'Orphaned trades' }).getByRole('row').filter({ has: whole(auditor, lost.blockHash) })
    await expect(row).toContainText('never')
    await expect(row.locator(whole(auditor, standing))).toBeVisible()

    await ask(stack, 'eth_sendRawTransaction', raw)
    await ask(stack, 'anvil_mine', '0x2')

    const found = await receiptOf(stack, txHash)
    await expect(page.getByText('Blockchain verified').first()).toBeVisible({ timeout: RECORDED_MS })
    await expect(purchase).toContainText('verified')
    await expect(orphan).toContainText('stands')
    await expect(orphan.locator(whole(page, lost.blockHash))).toBeVisible()
    await expect(orphan.locator(whole(page, found.blockHash))).toBeVisible()
    await expect(row.locator(whole(auditor, found.blockHash))).toBeVisible()
  } finally {
    await ask(stack, 'evm_setIntervalMining', 1)
  }
})
