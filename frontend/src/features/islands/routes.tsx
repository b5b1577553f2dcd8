// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

export const islandsRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/islands',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/IslandsPage'), 'IslandsPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/islands/$islandId',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/IslandPage'), 'IslandPage'),
  }),
] as const
