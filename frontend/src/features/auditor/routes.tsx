// SPDX-License-Identifier: Apache-2.0
import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { guarded, rootRoute } from '@/shared/routing'

export const auditorRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/auditor',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/AuditorPage'), 'AuditorPage'),
  }),
] as const
