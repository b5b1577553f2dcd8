// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { WagmiProvider } from 'wagmi'
import { CardSkeleton, ProblemNotice } from '@/shared/ui'
import { walletConfig } from './config'

/** Everything below may use wagmi. Several scopes share one connection. */
export function WalletScope({ children, fallback }: { children: ReactNode; fallback?: ReactNode }) {
  const client = useQueryClient()
  const config = useQuery({ queryKey: ['wallet', 'config'], queryFn: walletConfig, staleTime: Infinity, gcTime: Infinity, structuralSharing: false }, client)
  if (config.isPending) return fallback ?? <CardSkeleton lines={2} />
  if (config.isError) return <ProblemNotice error={config.error} onRetry={() => void config.refetch()} />
  return (
    <WagmiProvider config={config.data} reconnectOnMount>
      {children}
    </WagmiProvider>
  )
}
