// SPDX-License-Identifier: Apache-2.0
/** Signing in and what follows: tokens are taken over, a newcomer is welcomed. */
import { useNavigate } from '@tanstack/react-router'
import { api, take, type Schemas } from '@/shared/api'
import { enter } from '@/shared/session'

export interface EmailAndPassword {
  email: string
  password: string
}

const JUST_MADE_MS = 20_000

/** A user who was made by this very sign-in has not said who they are. */
export const isNewcomer = (user: Schemas['UserOut'], now = Date.now()): boolean => now - Date.parse(user.createdAt) < JUST_MADE_MS

export const signInByEmail = async (body: EmailAndPassword) => take(api.POST('/api/auth/login', { body }))

export const register = async (body: Schemas['RegisterIn']) => take(api.POST('/api/auth/register', { body }))

/** Take over the session and go where the visitor wanted to go. */
export function useEnter(then: string | undefined): (tokens: Schemas['TokensOut']) => void {
  const navigate = useNavigate()
  return (tokens) => {
    enter(tokens)
    const goal = then ?? '/dashboard'
    if (isNewcomer(tokens.user)) void navigate({ to: '/welcome', search: then ? { then } : {} })
    else void navigate({ href: goal })
  }
}
