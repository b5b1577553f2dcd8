// SPDX-License-Identifier: Apache-2.0
/** What people do in the market outside a browser: sign in as a program, sign orders, send transactions. */
import { createPublicClient, createWalletClient, defineChain, getAddress, http, parseAbi, type TypedDataDefinition } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import type { Person, Stack } from './stack'

interface Envelope {
  data: unknown
  error: { code: string; message: string } | null
}

/** A program of a person: calls the API with their token, signs with their key. */
export class Trader {
  private token = ''
  private cookies = '' // the nonce of a sign-in is bound to one
  private readonly account

  constructor(private readonly stack: Stack, readonly person: Person) {
    this.account = privateKeyToAccount(person.key)
  }

  async ask<Data>(method: string, path: string, body?: unknown): Promise<Data> {
    const headers = {
      'Content-Type': 'application/json',
      'X-Org-Id': this.stack.organizationId,
      ...(this.cookies ? { Cookie: this.cookies } : {}),
      ...(this.token ? { Authorization: `Bearer ${this.token}` } : {}),
    }
    const answer = await fetch(`${this.stack.url}${path}`, { method, headers, body: body === undefined ? undefined : JSON.stringify(body) })
    this.cookies = answer.headers.getSetCookie().map((cookie) => cookie.split(';')[0]).join('; ') || this.cookies
    const { data, error } = (await answer.json()) as Envelope
    if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${error?.code ?? ''} ${error?.message ?? ''}`)
    return data as Data
  }

  async signIn(): Promise<this> {
    const { url, chainId } = this.stack
    const { nonce } = await this.ask<{ nonce: string }>('GET', '/api/auth/siwe/nonce')
    const message = `${new URL(url).host} wants you to sign in with your Ethereum account:\n${getAddress(this.account.address)}\n\nSign in.\n\nURI: ${url}\nVersion: 1\nChain ID: ${chainId}\nNonce: ${nonce}\nIssued At: ${new Date().toISOString()}`
    const signature = await this.account.signMessage({ message })
    this.token = (await this.ask<{ accessToken: string }>('POST', '/api/auth/siwe/verify', { message, signature })).accessToken
    return this
  }

  /** Places a signed order for a delivery interval; returns its id and its slot. */
  async place(order: { side: 'offer' | 'bid'; venue?: 'book' | 'direct'; deliveryStart: Date; energyKwh: string; pricePerKwh: string }): Promise<{ id: string; slot: number }> {
    const draft = await this.ask<{ typedData: TypedDataDefinition & { message: Record<string, string> } }>('POST', '/api/market/orders/drafts', {
      ...order, houseId: this.person.houseId, deliveryStart: order.deliveryStart.toISOString(),
    })
    const signature = await this.account.signTypedData(draft.typedData)
    const placed = await this.ask<{ id: string }>('POST', '/api/market/orders', { order: draft.typedData.message, signature })
    return { id: placed.id, slot: Number(draft.typedData.message['slot']) }
  }

  /** Takes a direct offer back on chain, at once. */
  async cancelOnChain(slot: number, deliveryStart: Date): Promise<void> {
    const { rpcUrl, chainId, contract } = this.stack
    const chain = defineChain({ id: chainId, name: 'local', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [rpcUrl] } } })
    const wallet = createWalletClient({ account: this.account, chain, transport: http(rpcUrl) })
    const hash = await wallet.writeContract({
      address: contract,
      abi: parseAbi(['function cancel(uint96 lane, uint32 deliveryStart, uint8 mask)']),
      functionName: 'cancel',
      args: [BigInt(slot >> 3), deliveryStart.getTime() / 1000, 1 << (slot & 7)],
    })
    await createPublicClient({ chain, transport: http(rpcUrl), pollingInterval: 100 }).waitForTransactionReceipt({ hash })
  }
}

/** The start of the delivery interval that begins `ahead` intervals after the next one. */
export function intervalAhead(stack: Stack, ahead: number): Date {
  const step = stack.deliveryMinutes * 60_000
  return new Date((Math.floor(Date.now() / step) + 1 + ahead) * step)
}
