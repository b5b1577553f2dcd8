// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

export const housesRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/houses',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/HousesPage'), 'HousesPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/houses/$houseId',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/HousePage'), 'HousePage'),
  }),
] as const
