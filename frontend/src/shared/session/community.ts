// SPDX-License-Identifier: Apache-2.0
/** The community whose market is shown: the one that the user acts for. */
import { useMembership } from './organization'

export interface Community {
  /** The organisation's id. */
  readonly id: string
  readonly number: number
  readonly name: string
  readonly minutes: number
  readonly currency: string
  readonly timeZone: string
}

export interface FoundCommunity {
  readonly community: Community | null
  readonly isPending: boolean
  readonly error: Error | null
}

export function useCommunity(): FoundCommunity {
  const { organization, isPending, error } = useMembership()
  if (organization === null || organization.communityNumber === null || organization.deliveryMinutes === null) {
    return { community: null, isPending, error }
  }
  const { id, communityNumber: number, name, deliveryMinutes: minutes, currency, timeZone } = organization
  return { community: { id, number, name, minutes, currency, timeZone }, isPending, error }
}
