// SPDX-License-Identifier: Apache-2.0
/** The root of all routes, to which features hang theirs, and the guard of pages that need somebody signed in. */
import { createRootRoute, redirect } from '@tanstack/react-router'
import { getSession, onSession, type Session } from '@/shared/session'

export const rootRoute = createRootRoute()

/** The session once it is known: at the start a refresh may be under way. */
function settledSession(): Promise<Session> {
  return new Promise((resolve) => {
    const look = () => {
      const session = getSession()
      if (session.status === 'starting') return false
      resolve(session)
      return true
    }
    if (look()) return
    const stop = onSession(() => {
      if (look()) stop()
    })
  })
}

/** `beforeLoad: guarded`: who is not signed in goes to sign in first and comes back. */
export async function guarded({ location }: { location: { href: string } }): Promise<void> {
  const session = await settledSession()
  // eslint-disable-next-line @typescript-eslint/only-throw-error -- the router's way
  if (session.status === 'anonymous') throw redirect({ href: `/sign-in?then=${encodeURIComponent(location.href)}` })
}
