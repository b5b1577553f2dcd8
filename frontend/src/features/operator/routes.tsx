// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

const VIEWS = ['health', 'people', 'log'] as const
export type View = (typeof VIEWS)[number]

interface OperatorSearch {
  view?: View
}

export const operatorRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/operator',
    beforeLoad: guarded,
    validateSearch: ({ view }: Record<string, unknown>): OperatorSearch => {
      const known = VIEWS.find((one) => one === view)
      return known && known !== 'health' ? { view: known } : {}
    },
    component: lazyRouteComponent(() => import('./pages/OperatorPage'), 'OperatorPage'),
  }),
] as const
