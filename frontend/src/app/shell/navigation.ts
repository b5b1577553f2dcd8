// SPDX-License-Identifier: Apache-2.0
import {
  ArrowLeftRight, Building2, Gauge, House, Leaf, ScanSearch, ShieldCheck, Siren, Trophy, Zap, type LucideIcon,
} from 'lucide-react'
import type { Membership } from '@/shared/session'

export interface Place {
  to: '/dashboard' | '/market' | '/trades' | '/houses' | '/carbon' | '/leaderboard' | '/islands' | '/auditor' | '/operator' | '/verify'
  label: string
  icon: LucideIcon
  /** Needs a document of its own (see shared/routing/open-document). */
  ownDocument?: boolean
}

/** Where people trade; the first four stand in the bar of small screens. */
export const DAILY: readonly Place[] = [
  { to: '/dashboard', label: 'Dashboard', icon: Gauge },
  { to: '/market', label: 'Market', icon: Zap },
  { to: '/trades', label: 'Trades', icon: ArrowLeftRight },
  { to: '/carbon', label: 'Carbon', icon: Leaf },
  { to: '/houses', label: 'Houses', icon: House },
  { to: '/leaderboard', label: 'Leaderboard', icon: Trophy },
  { to: '/islands', label: 'Disaster mode', icon: Siren },
]

const VERIFY: Place = { to: '/verify', label: 'Verify a proof', icon: ShieldCheck, ownDocument: true }
const AUDITOR: Place = { to: '/auditor', label: 'Audit', icon: ScanSearch, ownDocument: true }
const OPERATOR: Place = { to: '/operator', label: 'Operations', icon: Building2 }

/** What concerns checking and running, by role. */
export function furtherPlaces({ role, isSuperAdmin }: Pick<Membership, 'role' | 'isSuperAdmin'>): readonly Place[] {
  const audits = isSuperAdmin || role === 'auditor' || role === 'operator'
  const operates = isSuperAdmin || role === 'operator'
  return [VERIFY, ...(audits ? [AUDITOR] : []), ...(operates ? [OPERATOR] : [])]
}

export const PUBLIC: readonly Place[] = [{ to: '/leaderboard', label: 'Leaderboard', icon: Trophy }, VERIFY]
