// SPDX-License-Identifier: Apache-2.0
import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { guarded, rootRoute } from '@/shared/routing'

export const marketRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/market',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/MarketPage'), 'MarketPage'),
  }),
] as const
