// SPDX-License-Identifier: Apache-2.0
import { createRouter } from '@tanstack/react-router'
import { accountRoutes } from '@/features/account/routes'
import { auditorRoutes } from '@/features/auditor/routes'
import { carbonRoutes } from '@/features/carbon/routes'
import { dashboardRoutes } from '@/features/dashboard/routes'
import { housesRoutes } from '@/features/houses/routes'
import { islandsRoutes } from '@/features/islands/routes'
import { landingRoutes } from '@/features/landing/routes'
import { leaderboardRoutes } from '@/features/leaderboard/routes'
import { marketRoutes } from '@/features/market/routes'
import { operatorRoutes } from '@/features/operator/routes'
import { proofRoutes } from '@/features/proof/routes'
import { tradesRoutes } from '@/features/trades/routes'
import { rootRoute } from '@/shared/routing'
import { PageSkeleton } from '@/shared/ui'
import { NotFound, PageFailed } from './pages'
import { Shell } from './shell/Shell'

rootRoute.update({ component: Shell })

const routeTree = rootRoute.addChildren([
  ...accountRoutes,
  ...auditorRoutes,
  ...carbonRoutes,
  ...dashboardRoutes,
  ...housesRoutes,
  ...islandsRoutes,
  ...landingRoutes,
  ...leaderboardRoutes,
  ...marketRoutes,
  ...operatorRoutes,
  ...proofRoutes,
  ...tradesRoutes,
])

export const router = createRouter({
  routeTree,
  defaultPreload: 'intent',
  defaultPendingComponent: PageSkeleton,
  defaultPendingMs: 150,
  defaultErrorComponent: PageFailed,
  defaultNotFoundComponent: NotFound,
  scrollRestoration: true,
})

/** Begins to load the script of the page that the address names, while the session is still being looked for. */
export function preloadPage(): void {
  const [routes] = router.getMatchedRoutes(router.latestLocation.pathname)
  for (const route of routes) router.loadRouteChunk(route)?.catch(() => undefined) // the router meets the failure itself, and tells it
}

declare module '@tanstack/react-router' {
  interface Register {
    router: typeof router
  }
}
