// SPDX-License-Identifier: Apache-2.0
/** Every page: no violation of WCAG 2.1 AA that axe can find, nothing wider than a small screen, one main heading. */
import AxeBuilder from '@axe-core/playwright'
import { generatePrivateKey } from 'viem/accounts'
import { PAGES, settled } from './pages'
import { expect, test } from './support/test'

const softly = expect.configure({ soft: true })
const WCAG = ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa']

for (const theme of ['dark', 'light'] as const) {
  for (const who of ['nobody', 'anna', 'operator', 'auditor'] as const) {
    test(`accessible in the ${theme} theme, as ${who}`, async ({ visitor, signedIn, official, stack }) => {
      test.setTimeout(150_000)
      const listed = PAGES.filter((one) => one.as === who)
      const { page } = who === 'nobody' ? await visitor({ key: generatePrivateKey() }) : who === 'anna' ? await signedIn('anna') : await official(who)
      await page.emulateMedia({ reducedMotion: 'reduce' })
      await page.addInitScript((name) => localStorage.setItem('gridx.theme', name), theme)
      for (const one of listed) {
        await test.step(one.name, async () => {
          await page.setViewportSize({ width: 1440, height: 900 })
          await page.goto(one.path(stack))
          await settled(page, one)
          const axe = new AxeBuilder({ page })
          const { violations } = await (theme === 'dark' ? axe.withTags(WCAG) : axe.withRules('color-contrast')).analyze() // themes differ in colours alone
          const found = violations.map(({ id, nodes }) => `${id}: ${nodes.map(({ target }) => target.join(' ')).join(', ')}`)
          expect.soft(found, `axe on ${one.name}`).toEqual([])
          if (theme === 'light') return
          await page.setViewportSize({ width: 360, height: 780 })
          const wide = () => page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth)
          await softly.poll(wide, { message: `${one.name} is wider than 360 px by`, timeout: 5_000 }).toBeLessThanOrEqual(0) // charts follow the page's width a frame later
        })
      }
    })
  }
}
