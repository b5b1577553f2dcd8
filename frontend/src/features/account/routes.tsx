// SPDX-License-Identifier: Apache-2.0
import { createRoute } from '@tanstack/react-router'
import { guarded, lazyRouteComponent, rootRoute } from '@/shared/routing'

/** Where to go on after signing in: a path of this site, nothing else. */
const onward = (search: Record<string, unknown>): { then?: string } =>
  typeof search.then === 'string' && /^\/(?![/\\])/.test(search.then) ? { then: search.then } : {}

export const accountRoutes = [
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/sign-in',
    validateSearch: onward,
    component: lazyRouteComponent(() => import('./pages/SignInPage'), 'SignInPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/register',
    validateSearch: onward,
    component: lazyRouteComponent(() => import('./pages/RegisterPage'), 'RegisterPage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/welcome',
    validateSearch: onward,
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/WelcomePage'), 'WelcomePage'),
  }),
  createRoute({
    getParentRoute: () => rootRoute,
    path: '/account',
    beforeLoad: guarded,
    component: lazyRouteComponent(() => import('./pages/AccountPage'), 'AccountPage'),
  }),
] as const
