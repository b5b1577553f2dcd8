// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

export const carbonRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/carbon',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/CarbonPage'), 'CarbonPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/certificates/$documentId',
    component: lazyRouteComponent(() => import('./pages/CertificatePage'), 'CertificatePage'),
  }),
] as const
