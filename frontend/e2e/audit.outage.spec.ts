// SPDX-License-Identifier: Apache-2.0
/** The audit in the browser, while nothing else writes: no difference; then a row changed by hand, found and named. */
import { execFileSync } from 'node:child_process'
import { resolve } from 'node:path'
import { expect, test } from './support/test'
import type { Stack } from './support/stack'

const ROOT = resolve(import.meta.dirname, '../..')

/** Adds Wh to a recorded trade, behind the service's back. */
function tamper(stack: Stack, trade: string, addedWh: number): void {
  const script =
    'import asyncio, asyncpg, sys\n' +
    'async def change(url, trade, added):\n' +
    '    connection = await asyncpg.connect(url.replace("+asyncpg", ""))\n' +
    '    done = await connection.execute("UPDATE energy_trades SET energy_wh = energy_wh + $2 WHERE trade_id = $1", bytes.fromhex(trade[2:]), int(added))\n' +
    '    assert done == "UPDATE 1", done\n' +
    '    await connection.close()\n' +
    'asyncio.run(change(*sys.argv[1:]))\n'
  execFileSync(resolve(ROOT, '.venv/bin/python'), ['-c', script, stack.databaseOwnerUrl, trade, String(addedWh)])
}

test('the audit finds nothing; a changed row it finds and names', async ({ official, stack }) => {
  const { page } = await official('auditor')
  await page.goto('/auditor')
  await page.getByRole('button', { name: 'Run the audit' }).click()
  const verdict = page.locator('[data-differences]')
  await expect(verdict).toHaveAttribute('data-differences', '0', { timeout: 45_000 })
  await expect(verdict).toContainText('agrees with this node')

  await page.getByLabel('A node of your own').fill(stack.rpcUrl)
  await page.getByRole('button', { name: 'Ask this node' }).click()
  await expect(page.getByText('confirms the report')).toBeVisible()

  const [trade = ''] = stack.trades
  tamper(stack, trade, 1000)
  try {
    await page.getByRole('button', { name: 'Run the audit' }).click()
    const row = page.getByRole('region', { name: 'Differences' }).getByRole('row').filter({ hasText: 'energy_wh' })
    await expect(row.first()).toBeVisible({ timeout: 45_000 })
    await expect(row.first()).toContainText('trade.tampered')
    await expect(row.first().getByRole('link', { name: 'Trade' })).toHaveAttribute('href', `/trades/${trade}`)
  } finally {
    tamper(stack, trade, -1000)
  }
})

test('who is no auditor is told so', async ({ signedIn }) => {
  const { page } = await signedIn('ben')
  await page.goto('/auditor')

  await expect(page.getByText('Only auditors start and read audits')).toBeVisible()
})

test('operations show each part, and roles are changed', async ({ official, stack }) => {
  const { page } = await official('operator')
  await page.goto('/operator')
  await expect(page.getByText('Follower of the chain')).toBeVisible()
  await expect(page.getByText('Follows the chain')).toBeVisible()
  await expect(page.getByRole('heading', { name: 'Relayer' })).toBeVisible()

  await page.getByRole('tab', { name: 'People and roles' }).click()
  const role = page.getByLabel(`Role of ${stack.people.carla.name}`)
  await role.selectOption('funder')
  await expect(page.getByText('Carla is now: Funder')).toBeVisible()
  await role.selectOption('member')
  await expect(page.getByText('Carla is now: Member')).toBeVisible()
  await page.getByRole('tab', { name: 'Change log' }).click()
  await expect(page.getByRole('region', { name: 'Change log' })).toContainText('membership.set')
})
