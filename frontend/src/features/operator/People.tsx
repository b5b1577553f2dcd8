// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { UserPlus, Users } from 'lucide-react'
import { useState } from 'react'
import { api, take, takeNothing } from '@/shared/api'
import { formatDate, shortHex } from '@/shared/format'
import { useUser, type Organization } from '@/shared/session'
import { Badge, Button, Card, CardSkeleton, EmptyState, Field, Input, Pagination, ProblemNotice, Select, Table, Td, Th, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { membersQuery, type Member, type Role } from './queries'
import { ROLES, roleWords } from './words'

type GivenRole = keyof typeof ROLES
const GIVEN = Object.keys(ROLES) as GivenRole[]

/** The members of an organisation: their roles, who is invited, who goes. */
export function People({ organization }: { organization: Organization }) {
  const [page, setPage] = useState(1)
  const [isInviting, setInviting] = useState(false)
  const found = useQuery(membersQuery(organization.id, page))
  if (found.isPending) return <CardSkeleton lines={8} />
  if (found.isError) return <ProblemNotice error={found.error} onRetry={() => void found.refetch()} />
  const members = found.data
  return (
    <Card
      title="People and roles"
      description="Operators run the community, auditors check everything, members trade."
      actions={<Button size="sm" onClick={() => setInviting(true)}><UserPlus aria-hidden /> Invite</Button>}
    >
      {members.total === 0 ? (
        <EmptyState icon={Users} title="Nobody belongs here yet">Invite people by e-mail; they become members once they accept.</EmptyState>
      ) : (
        <Table label="People and roles">
          <thead><tr><Th>Name</Th><Th>E-mail</Th><Th>Wallet</Th><Th>Since</Th><Th>Role</Th><Th><span className="sr-only">Remove</span></Th></tr></thead>
          <tbody>
            {members.items.map((member) => <Line key={member.userId} member={member} />)}
          </tbody>
        </Table>
      )}
      <Pagination page={page} limit={members.limit} total={members.total} onPage={setPage} />
      <Invite organization={organization} open={isInviting} onOpenChange={setInviting} />
    </Card>
  )
}

function Line({ member }: { member: Member }) {
  const name = member.name ?? 'Somebody who left'
  const client = useQueryClient()
  const me = useUser()
  const [isLeaving, setLeaving] = useState(false)
  const params = { path: { org_id: member.orgId, user_id: member.userId } }
  const settle = { onSettled: () => client.invalidateQueries({ queryKey: ['operator', 'members'] }), onError: (error: Error) => toast.problem(error) }
  const change = useMutation({
    mutationFn: (role: Role) => take(api.PUT('/api/organizations/{org_id}/memberships/{user_id}', { params, body: { role } })),
    onSuccess: ({ role }) => toast.success(`${name} is now: ${roleWords(role)}`),
    ...settle,
  })
  const remove = useMutation({
    mutationFn: () => takeNothing(api.DELETE('/api/organizations/{org_id}/memberships/{user_id}', { params })),
    onSuccess: () => setLeaving(false),
    ...settle,
  })
  const isService = member.role === 'forecaster'
  return (
    <tr>
      <Td className="font-medium">{name} {member.userId === me.id && <Badge tone="success">You</Badge>}</Td>
      <Td className="text-muted">{member.email ?? '–'}</Td>
      <Td className="font-mono text-xs text-muted">{member.walletAddress ? shortHex(member.walletAddress) : '–'}</Td>
      <Td className="whitespace-nowrap text-muted">{formatDate(member.createdAt)}</Td>
      <Td>
        {isService ? <Badge tone="violet">{roleWords(member.role)}</Badge> : (
          <Select aria-label={`Role of ${name}`} className="w-auto" value={member.role} disabled={change.isPending} onChange={({ target }) => change.mutate(target.value as GivenRole)}>
            {GIVEN.map((role) => <option key={role} value={role}>{ROLES[role]}</option>)}
          </Select>
        )}
      </Td>
      <Td className="text-right">
        <Button variant="ghost" size="sm" onClick={() => setLeaving(true)} aria-label={`Remove ${name}`}>Remove</Button>
        <Dialog
          open={isLeaving} onOpenChange={setLeaving} title={`Remove ${name}?`}
          description="They keep their account, wallet and trades, and lose sight of what belongs to this organisation."
          footer={<><Button variant="secondary" onClick={() => setLeaving(false)}>Keep</Button><Button variant="danger" busy={remove.isPending} onClick={() => remove.mutate()}>Remove</Button></>}
        >
          <p className="text-sm text-muted">An invitation can bring them back at any time.</p>
        </Dialog>
      </Td>
    </tr>
  )
}

function Invite({ organization, open, onOpenChange }: { organization: Organization; open: boolean; onOpenChange: (open: boolean) => void }) {
  const client = useQueryClient()
  const [email, setEmail] = useState('')
  const [role, setRole] = useState<GivenRole>('member')
  const invite = useMutation({
    mutationFn: () => take(api.POST('/api/organizations/{org_id}/memberships', { params: { path: { org_id: organization.id } }, body: { email, role } })),
    onSuccess: async () => {
      toast.success('Invited', `${email} becomes a member by accepting on the account page.`)
      onOpenChange(false)
      setEmail('')
      await client.invalidateQueries({ queryKey: ['operator', 'members'] })
    },
  })
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title={`Invite to ${organization.name}`} description="The person needs an account with this e-mail; nobody becomes a member without agreeing.">
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault()
          invite.mutate()
        }}
      >
        <Field label="E-mail">
          {(parts) => <Input {...parts} type="email" required autoComplete="off" value={email} onChange={({ target }) => setEmail(target.value)} />}
        </Field>
        <Field label="Role">
          {(parts) => (
            <Select {...parts} value={role} onChange={({ target }) => setRole(target.value as GivenRole)}>
              {GIVEN.map((one) => <option key={one} value={one}>{ROLES[one]}</option>)}
            </Select>
          )}
        </Field>
        {invite.isError && <ProblemNotice error={invite.error} />}
        <div className="flex justify-end"><Button type="submit" busy={invite.isPending}>Invite</Button></div>
      </form>
    </Dialog>
  )
}
