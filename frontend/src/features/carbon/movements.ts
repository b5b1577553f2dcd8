// SPDX-License-Identifier: Apache-2.0
/** Entries of the carbon ledger in words. */

export type MovementType = 'earned' | 'released' | 'received' | 'spent' | 'reversed'

export interface Movement {
  type: MovementType
  kind: string
  counterparty: string | null
}

export const MOVEMENT_NAMES: Record<MovementType, string> = {
  earned: 'Earned',
  released: 'Released',
  received: 'Received',
  spent: 'Spent',
  reversed: 'Taken back',
}

/** How an entry changes what the wallet holds: more, less, or neither (pending carbon becomes available). */
export function directionOf(movement: Movement): 'in' | 'out' | 'none' {
  if (movement.type === 'released') return 'none'
  return movement.type === 'earned' || movement.type === 'received' ? 'in' : 'out'
}

/** What an entry means, in one sentence. */
export function meaningOf(movement: Movement): string {
  switch (movement.kind) {
    case 'earned':
      return 'Estimate credited for a trade; pending until the trade is final and its interval is settled.'
    case 'released':
      return 'Pending carbon became available: the trade is final and the energy was metered.'
    case 'reversed':
      return 'The block of the trade was replaced; what it had earned was taken back.'
    case 'reduced':
      return 'Less was delivered than traded; the difference was taken back.'
    case 'retired':
      return 'Retired for ever; a certificate proves it.'
    case 'transferred':
      return movement.type === 'received' ? 'Given by another wallet.' : 'Given to another account.'
    case 'corrected':
      return 'A correction of readings, booked against the community’s reserve.'
    default:
      return movement.kind
  }
}
