// SPDX-License-Identifier: Apache-2.0
/**
 * A wallet in the page: an EIP-1193 provider announced by EIP-6963, whose requests are answered in the test's process
 * with a real key. It signs what a wallet would sign and sends real transactions to the chain's node.
 */
import type { BrowserContext } from '@playwright/test'
import { createWalletClient, defineChain, http, type Hex, type TypedDataDefinition } from 'viem'
import { privateKeyToAccount, type PrivateKeyAccount } from 'viem/accounts'
import { ask } from './node'
import type { Stack } from './stack'

interface Call {
  method: string
  params?: unknown[]
}

/** What a provider throws (EIP-1193). */
export class Refusal extends Error {
  constructor(readonly code: number, message: string) {
    super(message)
  }
}

export class TestWallet {
  /** The account that is chosen in the wallet. */
  account: PrivateKeyAccount
  private readonly own: PrivateKeyAccount
  /** Every request that a page made, in order. */
  readonly requests: Call[] = []
  /** Hashes of the transactions that it has sent, in order. */
  readonly sent: Hex[] = []
  /** Chain ids that the wallet knows; others must be added first. */
  readonly known: Set<number>
  chainId: number
  /** Whether the site may see the account: from the first connection on, or from an earlier visit. */
  permitted = false
  /** Runs between the wallet's own look at a transaction (its gas, its nonce) and the sending. */
  beforeSend: () => Promise<void> = () => Promise.resolve()
  private readonly refusals = new Map<string, Refusal>()

  constructor(private readonly stack: Stack, key: Hex, chainId = stack.chainId) {
    this.own = privateKeyToAccount(key)
    this.account = this.own
    this.chainId = chainId
    this.known = new Set([chainId])
  }

  /** The person declines the next request of this method. */
  rejectNext(method: string, refusal = new Refusal(4001, 'User rejected the request.')): void {
    this.refusals.set(method, refusal)
  }

  /** The person chooses another account; pages learn of it when they ask next. */
  useAccount(account: PrivateKeyAccount): void {
    this.account = account
  }

  useOwnAccount(): void {
    this.account = this.own
  }

  /** The last typed data that a page asked to sign. */
  lastTypedData(): TypedDataDefinition {
    const call = this.requests.findLast(({ method }) => method === 'eth_signTypedData_v4')
    if (!call) throw new Error('no typed data was asked for')
    return JSON.parse(call.params?.[1] as string) as TypedDataDefinition
  }

  async install(context: BrowserContext): Promise<void> {
    await context.exposeBinding('gridxWallet', async (_source, call: Call) => {
      try {
        return { result: await this.answer(call), chainId: this.chainId }
      } catch (problem) {
        const { code = -32603, message = String(problem) } = problem as Partial<Refusal>
        return { error: { code, message } }
      }
    })
    await context.addInitScript(provider)
  }

  private async answer(call: Call): Promise<unknown> {
    this.requests.push(call)
    const refusal = this.refusals.get(call.method)
    if (refusal) {
      this.refusals.delete(call.method)
      throw refusal
    }
    const [first, second] = call.params ?? []
    switch (call.method) {
      case 'eth_requestAccounts':
        this.permitted = true
        return [this.account.address]
      case 'eth_accounts':
        return this.permitted ? [this.account.address] : []
      case 'eth_chainId':
        return `0x${this.chainId.toString(16)}`
      case 'wallet_requestPermissions':
        return [{ parentCapability: 'eth_accounts' }]
      case 'wallet_revokePermissions':
        this.permitted = false
        return null
      case 'wallet_addEthereumChain':
        this.known.add(Number((first as { chainId: string }).chainId))
        return this.switchTo(Number((first as { chainId: string }).chainId))
      case 'wallet_switchEthereumChain':
        return this.switchTo(Number((first as { chainId: string }).chainId))
      case 'personal_sign':
        return this.account.signMessage({ message: { raw: first as Hex } })
      case 'eth_signTypedData_v4':
        return this.account.signTypedData(JSON.parse(second as string) as TypedDataDefinition)
      case 'eth_sendTransaction':
        return this.send(first as Record<string, Hex>)
      default:
        return ask(this.stack, call.method, ...(call.params ?? []))
    }
  }

  private switchTo(chainId: number): null {
    if (!this.known.has(chainId)) throw new Refusal(4902, 'Unrecognized chain ID.')
    this.chainId = chainId
    return null
  }

  private async send({ to, data, value, gas }: Record<string, Hex | undefined>): Promise<Hex> {
    const chain = defineChain({ id: this.stack.chainId, name: 'local', nativeCurrency: { name: 'Ether', symbol: 'ETH', decimals: 18 }, rpcUrls: { default: { http: [this.stack.rpcUrl] } } })
    const client = createWalletClient({ account: this.account, chain, transport: http(this.stack.rpcUrl) })
    const request = await client.prepareTransactionRequest({ to, data, value: value ? BigInt(value) : undefined, gas: gas ? BigInt(gas) : undefined })
    await this.beforeSend()
    const hash = await client.sendTransaction(request)
    this.sent.push(hash)
    return hash
  }
}

/** Runs in the page before its own scripts. */
function provider(): void {
  type Listener = (value: unknown) => void
  const listeners = new Map<string, Set<Listener>>()
  const emit = (event: string, value: unknown) => listeners.get(event)?.forEach((listener) => listener(value))
  const ask = (globalThis as unknown as { gridxWallet: (call: unknown) => Promise<{ result?: unknown; chainId?: number; error?: { code: number; message: string } }> }).gridxWallet
  const ethereum = {
    isMetaMask: false,
    async request(call: { method: string }) {
      const { result, chainId, error } = await ask(call)
      if (error) throw Object.assign(new Error(error.message), { code: error.code })
      if (call.method === 'wallet_switchEthereumChain' || call.method === 'wallet_addEthereumChain') emit('chainChanged', `0x${(chainId ?? 0).toString(16)}`)
      if (call.method === 'eth_requestAccounts') emit('accountsChanged', result)
      return result
    },
    on(event: string, listener: Listener) {
      listeners.set(event, (listeners.get(event) ?? new Set()).add(listener))
      return ethereum
    },
    removeListener(event: string, listener: Listener) {
      listeners.get(event)?.delete(listener)
      return ethereum
    },
  }
  const info = { uuid: '2f4b8a52-6f0e-4d1c-9a4e-6b2d0a4f7c11', name: 'Test wallet', icon: 'data:image/svg+xml,<svg xmlns="http://www.w3.org/2000/svg"/>', rdns: 'example.gridx.wallet' }
  const announce = () => dispatchEvent(new CustomEvent('eip6963:announceProvider', { detail: Object.freeze({ info, provider: ethereum }) }))
  addEventListener('eip6963:requestProvider', announce)
  announce()
}
