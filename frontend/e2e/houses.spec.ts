// SPDX-License-Identifier: Apache-2.0
/** A newcomer's house: added, read into from a file with good and bad rows, charted, removed. */
import { generatePrivateKey } from 'viem/accounts'
import { join } from './support/community'
import { expect, test } from './support/test'

const QUARTER_MS = 15 * 60_000
const HOUR_MS = 4 * QUARTER_MS
const GOOD_ROWS = 8

/** A file of eight right rows and three wrong ones, ending before now. */
function readings(): { text: string; lines: number } {
  const end = Math.floor(Date.now() / HOUR_MS) * HOUR_MS // sums are shown of whole hours
  const rows = Array.from({ length: GOOD_ROWS }, (_, at) => `${new Date(end - (at + 1) * QUARTER_MS).toISOString()},0.25,0.1`)
  rows.splice(2, 0, `${new Date(end - 20 * QUARTER_MS).toISOString()},9,0.1`) // more than 2 kW of panels can give
  rows.splice(5, 0, 'yesterday at noon,0.1,0.1')
  rows.push(`${new Date(end - 30 * QUARTER_MS).toISOString()},-1,0.1`)
  return { text: ['start,productionKwh,consumptionKwh', ...rows, ''].join('\n'), lines: rows.length }
}

test('a house: added, its readings uploaded with each bad row named, charted, changed, removed', async ({ signedIn, asOperator, stack }) => {
  const { page, context } = await signedIn({ key: generatePrivateKey() })
  await join(context, stack, asOperator, 'member')
  await page.goto('/houses')
  await page.getByRole('button', { name: 'Add a house' }).first().click()
  const form = page.getByRole('dialog')
  await form.getByRole('button', { name: 'Add house' }).click()
  await expect(form.getByText('Give the house a name.')).toBeVisible()
  await form.getByLabel('Name').fill('Blue door')
  await form.getByLabel('Panels deliver at most').fill('2')
  await form.getByLabel('Latitude').fill('34.09')
  await form.getByLabel('Longitude').fill('-117.44')
  await form.getByRole('button', { name: 'Add house' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Blue door' })).toBeVisible()
  await expect(page.getByText('No reading on this day')).toBeVisible()

  const file = readings()
  await page.getByLabel('CSV file with readings').setInputFiles({ name: 'meter.csv', mimeType: 'text/csv', buffer: Buffer.from(file.text) })
  await expect(page.getByText('3 rows will be refused')).toBeVisible()
  await page.getByRole('button', { name: `Upload ${GOOD_ROWS} good rows` }).click()

  const refused = page.getByRole('region', { name: 'Refused rows' })
  await expect(page.getByText(`${file.lines} rows of meter.csv`)).toBeVisible()
  await expect(page.getByText(`${GOOD_ROWS} new · 3 refused`)).toBeVisible()
  await expect(refused.getByRole('row', { name: /^4 productionKwh/ })).toContainText(/more than this house.s capacity/)
  await expect(refused.getByRole('row', { name: /^7 start/ })).toContainText('ISO 8601')
  await expect(refused.getByRole('row', { name: /^12 productionKwh/ })).toContainText('never negative')
  await page.getByRole('radio', { name: 'Week' }).check()
  await expect(page.getByRole('button', { name: /Production/ })).toContainText(/2\.00\s*kWh/)
  await expect(page.getByRole('region', { name: 'Quality of the readings' })).toContainText('declared by the owner')

  await page.getByRole('button', { name: 'Change' }).click()
  await form.getByLabel('Name').fill('Green door')
  await form.getByRole('button', { name: 'Save' }).click()
  await expect(page.getByRole('heading', { level: 1, name: 'Green door' })).toBeVisible()
  await page.getByRole('button', { name: 'Remove', exact: true }).click()
  await form.getByRole('button', { name: 'Remove the house' }).click()
  await expect(page.getByText('No house yet')).toBeVisible()
})

test('readings: a file with another header is not sent, and the columns are named', async ({ signedIn }) => {
  const { page } = await signedIn('anna')
  await page.goto('/houses')
  await page.getByRole('link', { name: /Anna/ }).first().click()
  await page.getByLabel('CSV file with readings').setInputFiles({ name: 'solar.csv', mimeType: 'text/csv', buffer: Buffer.from('time,solar\n1,2\n') })

  await expect(page.getByRole('alert')).toContainText('Missing: start')
  await expect(page.getByRole('alert')).toContainText('“solar”')
})
