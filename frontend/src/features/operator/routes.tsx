// SPDX-License-Identifier: Apache-2.0
import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { guarded, rootRoute } from '@/shared/routing'

export const operatorRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operator',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/OperatorPage'), 'OperatorPage'),
  }),
] as const
