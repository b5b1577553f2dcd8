// SPDX-License-Identifier: Apache-2.0
/** The frame around every page: navigation at the left, top bar, bar at the bottom of small screens. */
import { Outlet, useRouterState } from '@tanstack/react-router'
import { lazy, startTransition, Suspense, useEffect, useLayoutEffect, useRef, useState } from 'react'
import { useSession } from '@/shared/session'
import { Toasts } from '@/shared/ui/toast'
import { Brand } from './Brand'
import { Notices } from './Notices'
import { PublicBar } from './PublicBar'
import { ThemeButton } from './ThemeButton'

const SignedInSide = lazy(() => import('./SignedIn').then(({ SignedInSide: Side }) => ({ default: Side })))
const IslandBanner = lazy(() => import('@/features/islands/Banner').then(({ IslandBanner: Banner }) => ({ default: Banner })))
const SignedInTools = lazy(() => import('./SignedIn').then(({ SignedInTools: Tools }) => ({ default: Tools })))

export function Shell() {
  const { user } = useSession()
  const main = useRef<HTMLElement>(null)
  const path = useRouterState({ select: ({ location }) => location.pathname })
  const first = useRef(true)
  useLayoutEffect(() => document.getElementById('frame')?.remove(), []) // index.html drew it while the scripts came
  useEffect(() => {
    if (first.current) first.current = false
    else main.current?.focus({ preventScroll: true }) // a new page begins at its content, also for screen readers
  }, [path])
  return (
    <div className="min-h-dvh lg:grid lg:grid-cols-[auto_minmax(0,1fr)]">
      <a href="#main" className="sr-only z-70 rounded-lg bg-primary px-4 py-2 text-on-primary focus:not-sr-only focus:fixed focus:top-2 focus:left-2">
        To the content
      </a>
      {user && (
        <Suspense fallback={<div className="hidden w-60 border-r border-line bg-surface lg:block" />}>
          <SignedInSide />
        </Suspense>
      )}
      <div className={user ? 'min-w-0' : 'min-w-0 lg:col-span-2'}>
        <header className="sticky top-0 z-30 border-b border-line bg-bg/85 backdrop-blur-md" data-print="hide">
          <div className="mx-auto flex h-16 max-w-7xl items-center gap-2 px-4 sm:px-6">
            <div className={user ? 'lg:hidden' : ''}>
              <Brand to={user ? '/dashboard' : '/'} />
            </div>
            <div className="ml-auto flex min-w-0 items-center gap-1 sm:gap-2">
              {user ? (
                <Suspense fallback={null}>
                  <SignedInTools />
                </Suspense>
              ) : (
                <PublicBar />
              )}
              <ThemeButton />
            </div>
          </div>
        </header>
        <main id="main" ref={main} tabIndex={-1} className="mx-auto max-w-7xl px-4 pt-6 pb-28 outline-none sm:px-6 lg:pb-12">
          <Notices />
          {user && (
            <Suspense fallback={null}>
              <IslandBanner />
            </Suspense>
          )}
          <Page />
        </main>
      </div>
      <Toasts />
    </div>
  )
}

/** The page comes after its frame, as a transition: React draws it in slices and a slow phone answers in between. */
function Page() {
  const [isDue, setDue] = useState(false)
  useEffect(() => startTransition(() => setDue(true)), [])
  return isDue ? <Outlet /> : null
}
