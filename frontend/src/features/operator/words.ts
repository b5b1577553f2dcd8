// SPDX-License-Identifier: Apache-2.0
import { groupedText } from '@/shared/format'
import type { Role } from './queries'

const PARTS: Readonly<Record<string, string>> = {
  database: 'Database, people’s role',
  serviceDatabase: 'Database, service’s role',
  redis: 'Redis: live events, queue',
  node: 'Chain’s node',
  market: 'Market: knows its chain',
  follower: 'Follower of the chain',
  relayer: 'Relayer: settles pairs',
}

export const partWords = (name: string): string => PARTS[name] ?? name

export const ROLES: Readonly<Record<Exclude<Role, 'forecaster'>, string>> = {
  member: 'Member',
  operator: 'Operator',
  auditor: 'Auditor',
  customer: 'Customer',
  funder: 'Funder',
  om: 'Maintenance',
}

export const roleWords = (role: Role): string => (role === 'forecaster' ? 'Forecasting service' : ROLES[role])

const WEI_DECIMALS = 18
const GWEI_DECIMALS = 9

/** Wei as the chain's coin, four decimals. */
export const coinText = (wei: string): string => groupedText(BigInt(wei), WEI_DECIMALS, 4)
/** Wei as gwei, two decimals. */
export const gweiText = (wei: string): string => groupedText(BigInt(wei), GWEI_DECIMALS, 2)

/** How a balance stands to the least with which anything is sent. */
export function balanceState(wei: string, least: string): 'good' | 'low' | 'empty' {
  if (BigInt(wei) < BigInt(least)) return 'empty'
  return BigInt(wei) < 4n * BigInt(least) ? 'low' : 'good'
}
