// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'
import { readSearch } from './filters'

export const tradesRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/trades',
    beforeLoad: guarded,
    validateSearch: readSearch,
    component: lazyRouteComponent(() => import('./pages/TradesPage'), 'TradesPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/trades/$id',
    component: lazyRouteComponent(() => import('./pages/TradePage'), 'TradePage'),
  }),
] as const
