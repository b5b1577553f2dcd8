// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { lazyRouteComponent, rootRoute } from '@/shared/routing'

interface VerifySearch {
  /** Id of a recorded trade whose proof is loaded at once. */
  trade?: string
}

export const proofRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/verify',
    validateSearch: ({ trade }: Record<string, unknown>): VerifySearch =>
      typeof trade === 'string' && /^0x[0-9a-fA-F]{64}$/.test(trade) ? { trade } : {},
    component: lazyRouteComponent(() => import('./pages/VerifyPage'), 'VerifyPage'),
  }),
] as const
