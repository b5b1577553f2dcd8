// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

export const dashboardRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/dashboard',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/DashboardPage'), 'DashboardPage'),
  }),
] as const
