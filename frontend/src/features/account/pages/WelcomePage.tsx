// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { useNavigate, useSearch } from '@tanstack/react-router'
import { api, take, type Schemas } from '@/shared/api'
import { updateUser, useUser } from '@/shared/session'
import { Button, Field, Input, PageHeader, ProblemNotice, Card } from '@/shared/ui'
import { entries } from '../form'
import { Invitations } from '../Invitations'
import { RoleChoice } from '../RoleChoice'

/** After the first sign-in: name, what one wants to do, and the community. */
export function WelcomePage() {
  const user = useUser()
  const { then } = useSearch({ from: '/welcome' })
  const navigate = useNavigate()
  const save = useMutation({
    mutationFn: (body: Schemas['UserIn']) => take(api.PUT('/api/users/me', { body })),
    onSuccess: (changed) => {
      updateUser(changed)
      void navigate({ href: then ?? '/dashboard' })
    },
  })
  const isNamed = !user.name.startsWith('0x')
  return (
    <>
      <PageHeader title="Welcome to GridX" description="Two questions, then you are ready to trade." />
      <form
        className="grid gap-5 lg:grid-cols-2"
        onSubmit={(event) => {
          event.preventDefault()
          const { name, role } = entries(event.currentTarget)
          save.mutate({ name, role: role as Schemas['MarketRole'] })
        }}
      >
        <Card title="You">
          <div className="space-y-5">
            <Field label="Your name" hint="Seen by the operators of your community. The leaderboard shows a name only if you choose one in your account.">
              {(parts) => <Input {...parts} name="name" autoComplete="name" defaultValue={isNamed ? user.name : ''} maxLength={120} required />}
            </Field>
            <RoleChoice initial={user.role} />
          </div>
        </Card>
        <Card title="Your community" description="Energy is traded within a community. Its operator invites you.">
          <Invitations />
        </Card>
        <div className="lg:col-span-2">
          {save.isError && <ProblemNotice error={save.error} className="mb-4" />}
          <Button type="submit" size="lg" busy={save.isPending}>
            Go on
          </Button>
        </div>
      </form>
    </>
  )
}
