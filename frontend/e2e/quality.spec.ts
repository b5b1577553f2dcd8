// SPDX-License-Identifier: Apache-2.0
/** Every page: no violation of WCAG 2.1 AA that axe can find, nothing wider than a small screen, one main heading. */
import AxeBuilder from '@axe-core/playwright'
import type { Page } from '@playwright/test'
import { PAGES, type ListedPage } from './pages'
import { expect, test } from './support/test'

const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']

async function settled(page: Page, listed: ListedPage): Promise<void> {
  await expect(page.getByRole('heading', { level: 1 }).or(page.getByText('There is no such page'))).toBeVisible()
  await expect(page.getByRole('status', { name: 'Loading' })).toHaveCount(0)
  await listed.prepare?.(page)
}

for (const theme of ['dark', 'light'] as const) {
  for (const who of ['nobody', 'anna', 'operator', 'auditor'] as const) {
    test(`accessible in the ${theme} theme, as ${who}`, async ({ browser, signedIn, official, stack, contextOptions, baseURL }) => {
      const listed = PAGES.filter((one) => one.as === who)
      const { page } =
        who === 'nobody' ? { page: await browser.newPage({ ...contextOptions, baseURL: baseURL ?? stack.url, serviceWorkers: 'block' }) } : who === 'anna' ? await signedIn('anna') : await official(who)
      await page.emulateMedia({ reducedMotion: 'reduce' })
      await page.addInitScript((name) => localStorage.setItem('gridx.theme', name), theme)
      for (const one of listed) {
        await test.step(one.name, async () => {
          await page.setViewportSize({ width: 1440, height: 900 })
          await page.goto(one.path(stack))
          await settled(page, one)
          const { violations } = await new AxeBuilder({ page }).withTags(WCAG).analyze()
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
          expect.soft(found, `axe on ${one.name}`).toEqual([])
          await page.setViewportSize({ width: 360, height: 780 })
          const wide = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
          expect.soft(wide, `${one.name} is wider than 360 px by`).toBeLessThanOrEqual(0)
        })
      }
      if (who === 'nobody') await page.close()
    })
  }
}
