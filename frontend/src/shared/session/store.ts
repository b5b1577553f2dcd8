// SPDX-License-Identifier: Apache-2.0
/** Who is signed in, as every part of the app sees it. The access token stays in memory; see tokens.ts. */
import { useSyncExternalStore } from 'react'
import type { Schemas } from '@/shared/api'

export type User = Schemas['UserOut']

export type Session =
  | { status: 'starting'; user: User | null }
  | { status: 'anonymous'; user: null }
  /** `away`: signed in when last seen, the server cannot be reached to renew the token. */
  | { status: 'signed-in' | 'away'; user: User }

let current: Session = { status: 'starting', user: null }
const listeners = new Set<() => void>()

export function setSession(next: Session): void {
  current = next
  for (const listener of listeners) listener()
}

export const getSession = (): Session => current

export function onSession(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export function useSession(): Session {
  return useSyncExternalStore(onSession, getSession)
}

/** The signed-in user. Only below a guarded page (`guarded` in shared/routing). */
export function useUser(): User {
  const { user } = useSession()
  if (user === null) throw new Error('nobody is signed in on this page')
  return user
}
