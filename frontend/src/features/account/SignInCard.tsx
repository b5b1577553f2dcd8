// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { api, take, takeNothing } from '@/shared/api'
import { updateUser, useUser } from '@/shared/session'
import { Button, Card, Field, Input, ProblemNotice, toast } from '@/shared/ui'
import { entries } from './form'

/** E-mail and password: a way in beside the wallet. */
export function SignInCard() {
  const user = useUser()
  return (
    <Card title="E-mail and password" description={user.email ? 'You can sign in by e-mail as well as by wallet.' : 'Set both to sign in without your wallet.'}>
      <EmailForm />
      {user.email && <PasswordForm />}
    </Card>
  )
}

function EmailForm() {
  const user = useUser()
  const save = useMutation({
    mutationFn: (body: { email: string; password: string }) => take(api.PUT('/api/users/me/email', { body })),
    onSuccess: (changed) => {
      updateUser(changed)
      toast.success('E-mail saved', 'Other sessions have ended.')
    },
  })
  return (
    <form
      className="space-y-4"
      onSubmit={(event) => {
        event.preventDefault()
        const form = event.currentTarget
        const { email, password } = entries(form)
        save.mutate({ email, password }, { onSuccess: () => form.reset() })
      }}
    >
      {save.isError && <ProblemNotice error={save.error} />}
      <Field label="E-mail">{(parts) => <Input {...parts} type="email" name="email" defaultValue={user.email ?? ''} autoComplete="username" required />}</Field>
      <Field label={user.email ? 'Password, to confirm' : 'New password'} hint={user.email ? undefined : 'At least 10 characters.'}>
        {(parts) => <Input {...parts} type="password" name="password" autoComplete={user.email ? 'current-password' : 'new-password'} minLength={user.email ? 1 : 10} required />}
      </Field>
      <Button type="submit" variant="secondary" busy={save.isPending}>
        {user.email ? 'Change e-mail' : 'Set e-mail and password'}
      </Button>
    </form>
  )
}

function PasswordForm() {
  const save = useMutation({
    mutationFn: (body: { currentPassword: string; newPassword: string }) => takeNothing(api.PUT('/api/users/me/password', { body })),
    onSuccess: () => toast.success('Password changed', 'Other sessions have ended.'),
  })
  return (
    <form
      className="mt-6 space-y-4 border-t border-line pt-6"
      onSubmit={(event) => {
        event.preventDefault()
        const form = event.currentTarget
        const { currentPassword = '', newPassword = '' } = entries(form)
        save.mutate({ currentPassword, newPassword }, { onSuccess: () => form.reset() })
      }}
    >
      {save.isError && <ProblemNotice error={save.error} />}
      <Field label="Present password">{(parts) => <Input {...parts} type="password" name="currentPassword" autoComplete="current-password" required />}</Field>
      <Field label="New password" hint="At least 10 characters.">
        {(parts) => <Input {...parts} type="password" name="newPassword" autoComplete="new-password" minLength={10} required />}
      </Field>
      <Button type="submit" variant="secondary" busy={save.isPending}>
        Change password
      </Button>
    </form>
  )
}
