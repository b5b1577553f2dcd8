// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { api, take, type Schemas } from '@/shared/api'
import { updateUser, useUser } from '@/shared/session'
import { Button, Card, Field, Input, ProblemNotice, toast } from '@/shared/ui'
import { entries } from './form'
import { RoleChoice } from './RoleChoice'

export function ProfileCard() {
  const user = useUser()
  const save = useMutation({
    mutationFn: (body: Schemas['UserIn']) => take(api.PUT('/api/users/me', { body })),
    onSuccess: (changed) => {
      updateUser(changed)
      toast.success('Profile saved')
    },
  })
  return (
    <Card title="Profile">
      <form
        className="space-y-5"
        onSubmit={(event) => {
          event.preventDefault()
          const { name, role, leaderboardName = '' } = entries(event.currentTarget)
          save.mutate({ name, role: role as Schemas['MarketRole'], leaderboardName: leaderboardName.trim() || null })
        }}
      >
        {save.isError && <ProblemNotice error={save.error} />}
        <Field label="Name" hint="Seen by the operators of your community.">
          {(parts) => <Input {...parts} name="name" defaultValue={user.name} autoComplete="name" maxLength={120} required />}
        </Field>
        <Field label="Name on the leaderboard" hint="Public. Left empty, the board shows an anonymous name; your trades are public by wallet address either way.">
          {(parts) => <Input {...parts} name="leaderboardName" defaultValue={user.leaderboardName ?? ''} maxLength={60} />}
        </Field>
        <RoleChoice initial={user.role} />
        <Button type="submit" busy={save.isPending}>
          Save
        </Button>
      </form>
    </Card>
  )
}
