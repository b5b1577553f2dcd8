// SPDX-License-Identifier: Apache-2.0
/** The wallet as pages use it; only below a WalletScope. Everything thrown is an ApiProblem with a text. */
import { useQueryClient } from '@tanstack/react-query'
import { useConfig as useWagmi, useConnect, useConnection, useConnectors, useDisconnect, useSwitchChain, type Connector } from 'wagmi'
import { getWalletClient } from 'wagmi/actions'
import type { Address, Hex } from 'viem'
import { ApiProblem } from '@/shared/api'
import { configQuery, type Config } from '@/shared/config'
import { walletProblem } from './errors'
import { typedDataOf } from './typed-data'

export interface Wallet {
  address: Address | undefined
  chainId: number | undefined
  /** The chain of this installation. */
  wanted: Config
  isConnected: boolean
  isWrongChain: boolean
  connectors: readonly Connector[]
  connect: (connector: Connector) => Promise<Address>
  disconnect: () => void
  switchChain: () => Promise<void>
  signMessage: (message: string) => Promise<Hex>
  /** Typed data as the API sends it (EIP-712); `types` may contain EIP712Domain. */
  signTypedData: (data: unknown, account?: Address) => Promise<Hex>
}

async function told<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    throw walletProblem(error)
  }
}

export function useWallet(): Wallet {
  const wagmi = useWagmi()
  const wanted = useQueryClient().getQueryData(configQuery.queryKey)
  if (wanted === undefined) throw new Error('useWallet is for components below a WalletScope')
  const { address, chainId, isConnected } = useConnection()
  const connectors = useConnectors()
  const connecting = useConnect()
  const disconnecting = useDisconnect()
  const switching = useSwitchChain()
  const client = () => getWalletClient(wagmi, { chainId: wanted.chainId })
  return {
    address,
    chainId,
    wanted,
    isConnected,
    isWrongChain: isConnected && chainId !== wanted.chainId,
    connectors,
    connect: (connector) =>
      told(async () => {
        const { accounts } = await connecting.mutateAsync({ connector })
        const first = accounts.at(0)
        if (first === undefined) throw new ApiProblem(409, 'wallet.none', 'The wallet gave no account')
        return first
      }),
    disconnect: () => disconnecting.mutate(),
    switchChain: () => told(async () => {
        await switching.mutateAsync({ chainId: wanted.chainId })
      }),
    signMessage: (message) => told(async () => (await client()).signMessage({ message })),
    signTypedData: (data, account) => told(async () => (await client()).signTypedData({ ...typedDataOf(data), ...(account ? { account } : {}) })),
  }
}
