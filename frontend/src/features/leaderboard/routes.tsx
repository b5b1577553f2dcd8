// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { lazyRouteComponent, rootRoute } from '@/shared/routing'
import { readPage, readSearch } from './board'

export const leaderboardRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/leaderboard',
    validateSearch: readSearch,
    component: lazyRouteComponent(() => import('./pages/LeaderboardPage'), 'LeaderboardPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/leaderboard/$userId',
    validateSearch: readPage,
    component: lazyRouteComponent(() => import('./pages/HolderPage'), 'HolderPage'),
  }),
] as const
