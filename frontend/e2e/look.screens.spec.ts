// SPDX-License-Identifier: Apache-2.0
/** `npm run screenshots`: every page at three widths in both themes, for looking at. */
import { generatePrivateKey } from 'viem/accounts'
import { PAGES, settled } from './pages'
import { expect, test } from './support/test'

const WIDTHS = [360, 768, 1440]

for (const listed of PAGES) {
  test(listed.name, async ({ visitor, signedIn, official, stack }) => {
    test.setTimeout(180_000)
    const { page } = listed.as === 'nobody' ? await visitor({ key: generatePrivateKey() }) : listed.as === 'anna' ? await signedIn('anna') : await official(listed.as)
    for (const theme of ['dark', 'light']) {
      await page.goto(listed.path(stack))
      await page.evaluate((name) => localStorage.setItem('gridx.theme', name), theme)
      await page.reload()
      await settled(page, listed)
      for (const width of WIDTHS) {
        await page.setViewportSize({ width, height: width < 500 ? 780 : 900 })
        await expect(page.locator('main')).toBeVisible()
        await page.evaluate(() => document.fonts.ready)
        await page.screenshot({ path: `screenshots/${listed.name}-${width}-${theme}.png`, fullPage: true, animations: 'disabled' })
      }
    }
  })
}
