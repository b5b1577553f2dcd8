// SPDX-License-Identifier: Apache-2.0
/** `test` with the stack, and people who come with a browser of their own. */
import { test as base, expect, type BrowserContext, type Page } from '@playwright/test'
import { privateKeyToAccount } from 'viem/accounts'
import { data, siwe, type Tokens } from './people'
import { stackOf, type Person, type Stack } from './stack'
import { TestWallet } from './wallet'

export { expect }

export interface Visitor {
  page: Page
  context: BrowserContext
  wallet: TestWallet
  person: Person
}

/** An API client with somebody's token: `data` of the envelope, or an error with the code. */
export type Ask = <Data = unknown>(method: string, path: string, body?: unknown) => Promise<Data>

interface Fixtures {
  stack: Stack
  /** Somebody's browser with their wallet in it, not signed in. `key` gives a wallet that nobody knows. */
  visitor: (who: keyof Stack['people'] | { key: `0x${string}` }, options?: { chainId?: number }) => Promise<Visitor>
  /** The same, signed in (through the API, by a real signature), before the first page is opened. */
  signedIn: (who: keyof Stack['people'] | { key: `0x${string}` }) => Promise<Visitor>
  /** A browser signed in by e-mail: the operator or the auditor. */
  official: (who: 'operator' | 'auditor') => Promise<{ page: Page; context: BrowserContext }>
  /** The API as the operator, in the community. */
  asOperator: Ask
  /** The API as somebody of the town. */
  asPerson: <Data = unknown>(who: keyof Stack['people'], method: string, path: string, body?: unknown) => Promise<Data>
}

const BROWSER = { 'X-GridX-Client': 'browser' }

export const test = base.extend<Fixtures>({
  // eslint-disable-next-line no-empty-pattern -- Playwright reads the names of fixtures here
  stack: async ({}, use) => use(stackOf()),
  baseURL: async ({ stack }, use) => use(stack.url),
  visitor: async ({ browser, stack, contextOptions, viewport, locale, timezoneId, serviceWorkers }, use) => {
    const contexts: BrowserContext[] = []
    await use(async (who, options = {}) => {
      const known = typeof who === 'string' ? stack.people[who] : { ...stack.people.dora, name: 'Stranger', key: who.key, houseId: null, userId: null }
      const context = await browser.newContext({ ...contextOptions, viewport, locale, timezoneId, serviceWorkers, baseURL: stack.url })
      contexts.push(context)
      const wallet = new TestWallet(stack, known.key, options.chainId)
      await wallet.install(context)
      return { page: await context.newPage(), context, wallet, person: { ...known, address: wallet.account.address } }
    })
    for (const context of contexts) await context.close()
  },
  signedIn: async ({ visitor, stack }, use) => {
    await use(async (who) => {
      const found = await visitor(who)
      await siwe(found.context.request, stack, found.wallet.account, BROWSER)
      found.wallet.permitted = true
      return found
    })
  },
  official: async ({ browser, stack, viewport, locale, timezoneId, serviceWorkers }, use) => {
    const contexts: BrowserContext[] = []
    await use(async (who) => {
      const context = await browser.newContext({ viewport, locale, timezoneId, serviceWorkers, baseURL: stack.url })
      contexts.push(context)
      const { email, password } = stack[who]
      const body = { data: { email, password }, headers: BROWSER }
      await data(await context.request.post(`${stack.url}/api/auth/login`, body))
      return { page: await context.newPage(), context }
    })
    for (const context of contexts) await context.close()
  },
  asOperator: async ({ playwright, stack }, use) => {
    const http = await playwright.request.newContext({ baseURL: stack.url })
    const { accessToken } = await data<Tokens>(await http.post('/api/auth/login', { data: { email: stack.operator.email, password: stack.operator.password } }))
    const headers = { Authorization: `Bearer ${accessToken}`, 'X-Org-Id': stack.organizationId }
    await use(async (method, path, body) => data(await http.fetch(path, { method, headers, data: body })))
    await http.dispose()
  },
  asPerson: async ({ playwright, stack }, use) => {
    const http = await playwright.request.newContext({ baseURL: stack.url })
    const tokens = new Map<string, string>()
    await use(async (who, method, path, body) => {
      if (!tokens.has(who)) tokens.set(who, (await siwe(http, stack, privateKeyToAccount(stack.people[who].key), {})).accessToken)
      return data(await http.fetch(path, { method, headers: { Authorization: `Bearer ${tokens.get(who) ?? ''}` }, data: body }))
    })
    await http.dispose()
  },
})
