// SPDX-License-Identifier: Apache-2.0
/** Resolves when the page has nothing to do, or after `latestMs` milliseconds: for what the first picture does not need. */
export const whenIdle = (latestMs: number): Promise<void> =>
  new Promise((resolve) => {
    if ('requestIdleCallback' in globalThis) requestIdleCallback(() => resolve(), { timeout: latestMs })
    else setTimeout(resolve, latestMs / 2)
  })
