// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { lazyRouteComponent, rootRoute } from '@/shared/routing'

export const landingRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/',
    component: lazyRouteComponent(() => import('./pages/LandingPage'), 'LandingPage'),
  }),
] as const
