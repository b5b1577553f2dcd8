// SPDX-License-Identifier: Apache-2.0
import { env } from 'node:process'
import { defineConfig } from '@playwright/test'
import { BROWSER } from './e2e/support/browser'

/**
 * Everything runs against one real stack (e2e/support/start.ts). What stops parts of it stands in *.outage.spec.ts and runs
 * last and alone.
 */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results',
  globalSetup: './e2e/support/start.ts',
  workers: Number(env.GRIDX_E2E_WORKERS ?? 2),
  fullyParallel: false,
  forbidOnly: true,
  retries: 0,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  reporter: [['list', { printSteps: false }]],
  use: { launchOptions: BROWSER, viewport: { width: 1440, height: 900 }, serviceWorkers: 'block', trace: 'retain-on-failure', locale: 'en-GB', timezoneId: 'UTC' },
  projects: [
    { name: 'pages', testMatch: '*.spec.ts', testIgnore: ['*.outage.spec.ts', '*.screens.spec.ts', '*.bench.spec.ts'] },
    { name: 'outages', testMatch: '*.outage.spec.ts', dependencies: env.GRIDX_E2E_ALONE ? [] : ['pages'], workers: 1 },
    ...(env.GRIDX_LIGHTHOUSE ? [{ name: 'lighthouse', testMatch: '*.bench.spec.ts' }] : []),
    ...(env.GRIDX_SCREENS ? [{ name: 'screens', testMatch: '*.screens.spec.ts' }] : []),
  ],
})
