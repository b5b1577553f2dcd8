// SPDX-License-Identifier: Apache-2.0
/** What runs and how well, who belongs to the organisation, and what was changed by whom. */
import { getRouteApi } from '@tanstack/react-router'
import { Building2 } from 'lucide-react'
import { useMembership } from '@/shared/session'
import { EmptyState, PageHeader, PageSkeleton, ProblemNotice } from '@/shared/ui'
import { Tabs } from '@/shared/ui/tabs'
import { ChangeLog } from '../ChangeLog'
import { HealthView } from '../HealthView'
import { People } from '../People'
import type { View } from '../routes'

const route = getRouteApi('/operator')

export function OperatorPage() {
  const { view = 'health' } = route.useSearch()
  const navigate = route.useNavigate()
  const { organization, role, isSuperAdmin, isPending, error } = useMembership()
  if (isPending) return <PageSkeleton />
  if (error) return <ProblemNotice error={error} />
  if (!isSuperAdmin && role !== 'operator') {
    return (
      <EmptyState icon={Building2} title="Operators only">
        This page is for whoever runs a community. An operator of yours can give you the role.
      </EmptyState>
    )
  }
  const tabs = [
    { value: 'health', label: 'Health', content: <HealthView /> },
    ...(organization
      ? [
          { value: 'people', label: 'People and roles', content: <People organization={organization} /> },
          { value: 'log', label: 'Change log', content: <ChangeLog organization={organization} /> },
        ]
      : []),
  ]
  return (
    <>
      <PageHeader title="Operations" description={organization ? `${organization.name}: health of each part, people and their roles, and every change.` : 'Health of each part.'} />
      <Tabs label="Operations" tabs={tabs} value={view} onChange={(value) => void navigate({ search: value === 'health' ? {} : { view: value as View }, replace: true })} />
    </>
  )
}
