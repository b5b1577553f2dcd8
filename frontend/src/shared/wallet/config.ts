// SPDX-License-Identifier: Apache-2.0
/** wagmi for the one chain of this installation; wallets announce themselves (EIP-6963). Loaded with the first page that needs a wallet. */
import { createConfig, custom, http, type Config as Wagmi } from 'wagmi'
import { defineChain, type Chain, type EIP1193Provider } from 'viem'
import { loadConfig, type Config } from '@/shared/config'

export function chainOf(config: Config): Chain {
  return defineChain({
    id: config.chainId,
    name: config.chainName,
    nativeCurrency: config.nativeCurrency,
    rpcUrls: { default: { http: config.rpcUrl ? [config.rpcUrl] : [] } },
    blockExplorers: config.explorerUrl ? { default: { name: 'Explorer', url: config.explorerUrl } } : undefined,
  })
}

let made: Promise<Wagmi> | undefined

/** Reads go to the public node of the settings, or else through the wallet itself. */
export function walletConfig(): Promise<Wagmi> {
  made ??= loadConfig().then(
    (config) => {
      const chain = chainOf(config)
      const injected = (globalThis as { ethereum?: EIP1193Provider }).ethereum
      const transport = config.rpcUrl ? http(config.rpcUrl) : injected ? custom(injected) : http()
      return createConfig({ chains: [chain], transports: { [chain.id]: transport }, multiInjectedProviderDiscovery: true, ssr: false })
    },
    (problem: unknown) => {
      made = undefined
      throw problem
    },
  )
  return made
}
