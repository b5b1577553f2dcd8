// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs'

const FOUND = ['/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'].find(existsSync)

/** Debian's Chromium, or the one that GRIDX_CHROMIUM names. */
export const CHROMIUM = process.env.GRIDX_CHROMIUM ?? FOUND ?? '/usr/bin/chromium'

export const BROWSER = {
  executablePath: CHROMIUM,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--disable-component-update', '--disable-sync', '--no-first-run'],
}
