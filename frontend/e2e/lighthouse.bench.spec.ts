// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run lighthouse`: performance, accessibility and largest contentful paint of dashboard and market, signed in with live
 * data, and of the front page; each the median of three runs. LIGHTHOUSE_MOBILE=1 measures a slow phone instead of a desk.
 */
import { createServer } from 'node:net'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { chromium } from '@playwright/test'
import lighthouse, { desktopConfig } from 'lighthouse'
import { BROWSER } from './support/browser'
import { siwe } from './support/people'
import { expect, test } from './support/test'
import { privateKeyToAccount } from 'viem/accounts'

const RUNS = 3
const PLACES = ['/dashboard', '/market', '/']
const WANTED = 95
const LCP_MS = 2000

const freePort = () =>
  new Promise<number>((resolve) => {
    const server = createServer().listen(0, '127.0.0.1', () => {
      const address = server.address()
      server.close(() => resolve(typeof address === 'object' && address ? address.port : 0))
    })
  })

const median = (values: number[]) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0

test('lighthouse', async ({ stack }) => {
  test.setTimeout(600_000)
  const folder = await mkdtemp(join(tmpdir(), 'gridx-lighthouse-'))
  const port = await freePort()
  const context = await chromium.launchPersistentContext(folder, { ...BROWSER, args: [...BROWSER.args, `--remote-debugging-port=${port}`] })
  const measured: Record<string, { performance: number; accessibility: number; lcpMs: number }> = {}
  try {
    await siwe(context.request, stack, privateKeyToAccount(stack.people.anna.key), { 'X-GridX-Client': 'browser' })
    for (const path of PLACES) {
      const runs: { performance: number; accessibility: number; lcpMs: number }[] = []
      for (let run = 0; run < RUNS; run += 1) {
        const config = process.env.LIGHTHOUSE_MOBILE ? undefined : desktopConfig
        const flags = { port, onlyCategories: ['performance', 'accessibility'], disableStorageReset: true, logLevel: 'error' as const }
        const result = await lighthouse(`${stack.url}${path}`, flags, config)
        if (!result) throw new Error(`Lighthouse gave no result for ${path}`)
        const { categories, audits, finalDisplayedUrl } = result.lhr
        expect(new URL(finalDisplayedUrl).pathname).toBe(path)
        runs.push({
          performance: Math.round((categories.performance?.score ?? 0) * 100),
          accessibility: Math.round((categories.accessibility?.score ?? 0) * 100),
          lcpMs: Math.round(audits['largest-contentful-paint']?.numericValue ?? Infinity),
        })
      }
      measured[path] = {
        performance: median(runs.map((one) => one.performance)),
        accessibility: median(runs.map((one) => one.accessibility)),
        lcpMs: median(runs.map((one) => one.lcpMs)),
      }
    }
  } finally {
    await context.close()
    await rm(folder, { recursive: true, force: true })
  }
  console.log(JSON.stringify(measured))
  for (const [path, found] of Object.entries(measured)) {
    expect.soft(found.performance, `performance of ${path}`).toBeGreaterThanOrEqual(WANTED)
    expect.soft(found.accessibility, `accessibility of ${path}`).toBeGreaterThanOrEqual(WANTED)
    expect.soft(found.lcpMs, `largest contentful paint of ${path}`).toBeLessThan(LCP_MS)
  }
})
