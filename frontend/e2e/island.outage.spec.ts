// SPDX-License-Identifier: Apache-2.0
/** An island day: declared by an operator's signature, seen by members at once, shared out, ended, reported. */
import type { Page } from '@playwright/test'
import { generatePrivateKey } from 'viem/accounts'
import { join } from './support/community'
import { command } from './support/stack'
import { expect, test } from './support/test'
import { intervalAhead, Trader } from './support/trading'

const SHARED_OUT_MS = 45_000
const LOGGED_MS = 45_000

/** A bid for what is offered, signed in the wallet; the match is made, and waits to be logged. */
async function bid(page: Page, interval: Date): Promise<void> {
  await page.goto(`/market?interval=${interval.toISOString()}`)
  await page.getByLabel('Energy').fill('0.15')
  await page.getByLabel('Highest price').fill('0.25')
  await page.getByRole('button', { name: 'Review the bid' }).click()
  await page.getByRole('button', { name: 'Sign in the wallet' }).click()
  const dialog = page.getByRole('dialog')
  await expect(dialog).toContainText('Filled at once')
  await expect(dialog).toContainText('The market sends it and pays the gas')
}

test('island day: declare, own share, the chain away, end, report', async ({ signedIn, asOperator, stack }) => {
  test.setTimeout(150_000)
  const key = generatePrivateKey()
  const reason = `Storm over the valley, ${key.slice(2, 8)}` // a stack that is kept has islands of earlier runs
  const { page, context, wallet } = await signedIn({ key })
  await join(context, stack, asOperator, 'operator')
  const { page: member } = await signedIn('anna')
  await member.goto('/houses')
  await expect(member.getByRole('heading', { level: 1 })).toBeVisible()

  await page.goto('/islands')
  await expect(page.getByText('No island: the market is as always')).toBeVisible()
  await page.getByRole('button', { name: 'Declare an island' }).click()
  const dialog = page.getByRole('dialog')
  await dialog.getByLabel('Why').fill(reason)
  await dialog.getByLabel('Lasts at most').fill('80')
  await dialog.getByLabel('Price cap').fill('0.3')
  await dialog.getByRole('button', { name: 'Go on' }).click()
  await expect(dialog.getByText('Whole hours from 1 to 72.')).toBeVisible()
  await dialog.getByLabel('Lasts at most').fill('6')
  await dialog.getByRole('button', { name: 'Go on' }).click()
  await dialog.getByRole('button', { name: 'Sign in your wallet' }).click()
  await expect(dialog.getByText('Your community is an island')).toBeVisible()
  expect(wallet.lastTypedData()).toMatchObject({ primaryType: 'IslandDeclaration', message: { reason, priceCapMicroPerKwh: '300000' } })
  await dialog.getByRole('button', { name: 'Close' }).last().click()

  const banner = member.getByRole('link', { name: /Your community is an island/ })
  await expect(banner).toBeVisible()
  await banner.click()
  await expect(member.getByRole('heading', { name: /^Your share/ })).toBeVisible()
  await expect(member.getByText('May be used')).toBeVisible({ timeout: SHARED_OUT_MS })

  const interval = intervalAhead(stack, 3)
  const seller = await new Trader(stack, stack.people.anna).signIn()
  await seller.place({ side: 'offer', deliveryStart: interval, energyKwh: '0.15', pricePerKwh: '0.2' })
  const { page: buyer } = await signedIn('ben')
  await command(stack, 'stop anvil')
  try {
    await member.reload()
    await expect(member.getByText('May be used')).toBeVisible()
    await expect(member.getByText(reason).first()).toBeVisible()

    await bid(buyer, interval)
    await buyer.getByRole('dialog').getByRole('button', { name: 'Done' }).click()
    await buyer.goto('/islands')
    await buyer.getByRole('link', { name: new RegExp(`In force.*${reason}`) }).click()
    await buyer.getByRole('tab', { name: 'Queue (1)' }).click()
    const queued = buyer.getByRole('region', { name: 'Queue of matches' }).getByRole('row', { name: /150 Wh/ })
    await expect(queued).toContainText('waits')
    await expect(queued).toContainText('chain away')
  } finally {
    await command(stack, 'start anvil')
  }
  await expect(buyer.getByRole('region', { name: 'Queue of matches' }).getByRole('link', { name: 'on chain' })).toBeVisible({ timeout: LOGGED_MS })

  await page.getByRole('button', { name: 'End it now' }).click()
  await dialog.getByRole('button', { name: 'Sign in your wallet' }).click()
  await expect(dialog.getByText('The island has ended')).toBeVisible()
  await dialog.getByRole('button', { name: 'Close' }).last().click()
  await expect(banner).toBeHidden()

  await page.getByRole('link', { name: new RegExp(`Over.*${reason}`) }).click()
  await page.getByRole('tab', { name: 'Report' }).click()
  await expect(page.getByRole('region', { name: 'Shares by house' })).toContainText('Anna')
  const [file] = await Promise.all([page.waitForEvent('download'), page.getByRole('button', { name: 'JSON' }).click()])
  expect(file.suggestedFilename()).toMatch(/^island-.*\.json$/)
})
