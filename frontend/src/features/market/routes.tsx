// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

interface Search {
  /** Start of the chosen delivery interval; without it the next one that is open. */
  interval?: string
}

export const marketRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/market',
    validateSearch: ({ interval }: Record<string, unknown>): Search => (typeof interval === 'string' ? { interval } : {}),
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/MarketPage'), 'MarketPage'),
  }),
] as const
