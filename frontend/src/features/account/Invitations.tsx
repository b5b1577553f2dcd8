// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Users } from 'lucide-react'
import { api, take } from '@/shared/api'
import { words } from '@/shared/format'
import { membershipsQuery, useUser } from '@/shared/session'
import { Badge, Button, CardSkeleton, EmptyState, Hash, ProblemNotice, toast } from '@/shared/ui'

/** Where one belongs, invitations to accept, and what to give to an operator in order to be invited. */
export function Invitations() {
  const user = useUser()
  const client = useQueryClient()
  const found = useQuery(membershipsQuery)
  const accept = useMutation({
    mutationFn: (invitedTo: string) =>
      take(api.POST('/api/users/me/memberships/{invited_to}/acceptance', { params: { path: { invited_to: invitedTo } } })),
    onSuccess: () => {
      toast.success('You belong to the community now')
      return client.invalidateQueries()
    },
  })
  if (found.isPending) return <CardSkeleton lines={2} />
  if (found.isError) return <ProblemNotice error={found.error} onRetry={() => void found.refetch()} />
  const { memberships, invitations, organizations } = found.data
  const nameOf = (id: string) => organizations.find((one) => one.id === id)?.name ?? 'A community'
  return (
    <div className="space-y-3">
      {accept.isError && <ProblemNotice error={accept.error} />}
      {memberships.map((one) => (
        <div key={one.orgId} className="flex items-center justify-between gap-3 rounded-xl border border-line bg-raised p-3 text-sm">
          <span className="min-w-0 truncate font-medium">{nameOf(one.orgId)}</span>
          <Badge tone="success">{words(one.role)}</Badge>
        </div>
      ))}
      {invitations.map((one) => (
        <div key={one.orgId} className="flex flex-wrap items-center justify-between gap-3 rounded-xl border border-primary/50 bg-primary/5 p-3 text-sm">
          <span className="min-w-0">
            <span className="block truncate font-medium">{nameOf(one.orgId)}</span>
            <span className="text-muted">invites you as {one.role}</span>
          </span>
          <Button size="sm" busy={accept.isPending} onClick={() => accept.mutate(one.orgId)}>
            Join
          </Button>
        </div>
      ))}
      {memberships.length + invitations.length === 0 && (
        <EmptyState icon={Users} title="No invitation yet" action={<Button variant="secondary" size="sm" onClick={() => void found.refetch()}>Look again</Button>}>
          Give your operator {user.email ? <span className="text-fg">{user.email}</span> : <>this number: <Hash value={user.id} kept={6} /></>}. The invitation appears here.
        </EmptyState>
      )}
    </div>
  )
}
