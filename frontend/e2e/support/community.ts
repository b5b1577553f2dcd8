// SPDX-License-Identifier: Apache-2.0
/** Newcomers who join the town's community, so that a test has people of its own. */
import type { BrowserContext } from '@playwright/test'
import type { Stack } from './stack'
import type { Ask } from './test'

/** Invites whoever is signed in in `context` and accepts for them; returns their id. */
export async function join(context: BrowserContext, stack: Stack, asOperator: Ask, role: 'member' | 'operator'): Promise<string> {
  const csrf = (await context.cookies(stack.url)).find(({ name }) => name === 'gridx_csrf')?.value ?? ''
  const refreshed = await context.request.post(`${stack.url}/api/auth/refresh`, { headers: { 'X-GridX-Client': 'browser', 'X-CSRF-Token': csrf } })
  const { data } = (await refreshed.json()) as { data: { accessToken: string; user: { id: string } } }
  await asOperator('POST', `/api/organizations/${stack.organizationId}/memberships`, { userId: data.user.id, role })
  const accepted = await context.request.post(`${stack.url}/api/users/me/memberships/${stack.organizationId}/acceptance`, { headers: { Authorization: `Bearer ${data.accessToken}` } })
  if (!accepted.ok()) throw new Error(await accepted.text())
  return data.user.id
}
