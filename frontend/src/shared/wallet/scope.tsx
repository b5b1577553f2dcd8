// SPDX-License-Identifier: Apache-2.0
import { useQuery, useQueryClient } from '@tanstack/react-query'
import { useDeferredValue, type ReactNode } from 'react'
import { WagmiProvider } from 'wagmi'
import { CardSkeleton, ProblemNotice } from '@/shared/ui'
import { walletConfig } from './config'

/** Everything below may use wagmi. Several scopes share one connection. */
export function WalletScope({ children, fallback }: { children: ReactNode; fallback?: ReactNode }) {
  const client = useQueryClient()
  const config = useQuery({ queryKey: ['wallet', 'config'], queryFn: walletConfig, staleTime: Infinity, gcTime: Infinity, structuralSharing: false }, client)
  const ready = useDeferredValue(config.data) // what stands below is drawn in slices
  if (config.isPending) return fallback ?? <CardSkeleton lines={2} />
  if (config.isError) return <ProblemNotice error={config.error} onRetry={() => void config.refetch()} />
  if (ready === undefined) return fallback ?? <CardSkeleton lines={2} />
  return (
    <WagmiProvider config={ready} reconnectOnMount>
      {children}
    </WagmiProvider>
  )
}
