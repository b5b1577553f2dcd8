// SPDX-License-Identifier: Apache-2.0
/** The organisation that the user acts for: the one chosen, else the first that they belong to. */
import { queryOptions, useQuery } from '@tanstack/react-query'
import { useSyncExternalStore } from 'react'
import { api, take, takePage, type Schemas } from '@/shared/api'
import { useSession } from './store'

export type Organization = Schemas['OrganizationOut']
export type OrgRole = Schemas['OrgRole']

const KEPT = 'gridx.organization'
const listeners = new Set<() => void>()
const read = (): string | null => {
  try {
    return localStorage.getItem(KEPT)
  } catch {
    return null
  }
}
let chosen: string | null = typeof localStorage === 'undefined' ? null : read()

export const getOrganizationId = (): string | null => chosen

export function setOrganizationId(id: string | null): void {
  chosen = id
  if (id === null) localStorage.removeItem(KEPT)
  else localStorage.setItem(KEPT, id)
  for (const listener of listeners) listener()
}

const subscribe = (listener: () => void) => {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

export const membershipsQuery = queryOptions({
  queryKey: ['session', 'memberships'],
  queryFn: async () => {
    const [held, organizations] = await Promise.all([
      take(api.GET('/api/users/me/memberships')),
      takePage(api.GET('/api/organizations', { params: { query: { limit: 100 } } })),
    ])
    return { ...held, organizations: organizations.items }
  },
  staleTime: 60_000,
})

export interface Membership {
  /** Null while loading, and for somebody who belongs to no organisation. */
  organization: Organization | null
  role: OrgRole | null
  isSuperAdmin: boolean
  all: { organization: Organization; role: OrgRole | null }[]
  isPending: boolean
  error: Error | null
}

/** Where the signed-in user belongs, and for whom they act now. */
export function useMembership(): Membership {
  const { user, status } = useSession()
  const id = useSyncExternalStore(subscribe, getOrganizationId)
  const found = useQuery({ ...membershipsQuery, enabled: status === 'signed-in' || status === 'away' })
  const roles = new Map(found.data?.memberships.map((one) => [one.orgId, one.role]))
  const isSuperAdmin = user?.isSuperAdmin ?? false
  const all = (found.data?.organizations ?? [])
    .filter((one) => roles.has(one.id) || isSuperAdmin)
    .map((organization) => ({ organization, role: roles.get(organization.id) ?? null }))
  const acting = all.find((one) => one.organization.id === id) ?? all.find((one) => one.role !== null) ?? all[0]
  return {
    organization: acting?.organization ?? null,
    role: acting?.role ?? null,
    isSuperAdmin,
    all,
    isPending: found.isPending && found.fetchStatus !== 'idle',
    error: found.error,
  }
}
