// SPDX-License-Identifier: Apache-2.0
import type { WebSocketRoute } from '@playwright/test'
import { expect, test } from './support/test'

test('WebSocket dropped: the page says so, comes back and goes on behind the last event', async ({ signedIn }) => {
  const { page } = await signedIn('ben')
  const opened: WebSocketRoute[] = []
  await page.routeWebSocket(/\/api\/events/, (route) => {
    opened.push(route)
    route.connectToServer()
  })
  await page.goto('/leaderboard')
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  const before = opened.length

  await opened.at(-1)?.close({ code: 1012 })

  await expect.poll(() => opened.length).toBeGreaterThan(before)
  await expect(page.getByText('Live', { exact: true })).toBeVisible()
  const url = new URL(opened.at(-1)?.url() ?? '')
  expect(url.searchParams.get('since')).toBeTruthy()
  expect(url.searchParams.get('ticket')).toBeTruthy()
})
