// SPDX-License-Identifier: Apache-2.0
import { createRoute, lazyRouteComponent } from '@tanstack/react-router'
import { rootRoute } from '@/shared/routing'

export const proofRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/verify',
    component: lazyRouteComponent(() => import('./pages/VerifyPage'), 'VerifyPage'),
  }),
] as const
