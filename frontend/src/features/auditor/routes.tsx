// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

interface AuditorSearch {
  /** The audit that is shown; without one the newest. */
  run?: string
  page?: number
}

export const auditorRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/auditor',
    beforeLoad: guarded,
    validateSearch: ({ run, page }: Record<string, unknown>): AuditorSearch => ({
      ...(typeof run === 'string' && /^[0-9a-f-]{36}$/.test(run) ? { run } : {}),
      ...(Number.isInteger(Number(page)) && Number(page) > 1 ? { page: Number(page) } : {}),
    }),
    component: lazyRouteComponent(() => import('./pages/AuditorPage'), 'AuditorPage'),
  }),
] as const
