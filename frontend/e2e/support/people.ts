// SPDX-License-Identifier: Apache-2.0
/** Signing in without a page, and the envelope of the API. */
import type { APIRequestContext } from '@playwright/test'
import type { PrivateKeyAccount } from 'viem/accounts'
import type { Stack } from './stack'

export interface Tokens {
  accessToken: string
}

export async function data<Data>(response: { ok: () => boolean; status: () => number; text: () => Promise<string> }): Promise<Data> {
  const text = await response.text()
  const body = (text ? JSON.parse(text) : { data: null }) as { data: Data; error: { code: string; message: string } | null }
  if (!response.ok()) throw new Error(`${response.status()} ${body.error?.code ?? ''}: ${body.error?.message ?? text}`)
  return body.data
}

/** Signs in by a real signature. In a browser's context its cookies stay there, as the sign-in page would leave them. */
export async function siwe(http: APIRequestContext, stack: Stack, account: PrivateKeyAccount, headers: Record<string, string>): Promise<Tokens> {
  const { nonce } = await data<{ nonce: string }>(await http.get(`${stack.url}/api/auth/siwe/nonce`))
  const message = `${new URL(stack.url).host} wants you to sign in with your Ethereum account:\n${account.address}\n\nSign in.\n\nURI: ${stack.url}\nVersion: 1\nChain ID: ${stack.chainId}\nNonce: ${nonce}\nIssued At: ${new Date().toISOString()}`
  const signature = await account.signMessage({ message })
  return data<Tokens>(await http.post(`${stack.url}/api/auth/siwe/verify`, { data: { message, signature }, headers }))
}
