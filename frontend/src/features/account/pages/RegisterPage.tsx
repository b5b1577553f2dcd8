// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { explain, fieldProblems } from '@/shared/problems'
import { Button, Field, Input, ProblemNotice } from '@/shared/ui'
import { register, useEnter } from '../enter'
import { entries } from '../form'
import { Gate } from '../Gate'

export function RegisterPage() {
  const { then } = useSearch({ from: '/register' })
  const onEnter = useEnter(then)
  const open = useMutation({ mutationFn: register, onSuccess: onEnter })
  const wrong = new Map(fieldProblems(open.error).map(({ field, message }) => [field, message]))
  const weak = open.isError && explain(open.error).title.startsWith('This password')
  return (
    <Gate
      title="Open an account"
      description="By e-mail. You link your wallet afterwards; without one you can read everything and trade nothing."
      footer={
        <>
          Already here? <Link to="/sign-in" search={then ? { then } : {}} className="text-link underline underline-offset-4">Sign in</Link>
        </>
      }
    >
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault()
          const { name, email, password } = entries(event.currentTarget)
          open.mutate({ name, email, password, role: 'both' })
        }}
      >
        {open.isError && wrong.size === 0 && !weak && <ProblemNotice error={open.error} />}
        <Field label="Your name" error={wrong.get('name')}>
          {(parts) => <Input {...parts} name="name" autoComplete="name" maxLength={120} required />}
        </Field>
        <Field label="E-mail" error={wrong.get('email')}>
          {(parts) => <Input {...parts} type="email" name="email" autoComplete="username" required />}
        </Field>
        <Field label="Password" hint="At least 10 characters; a sentence is best." error={weak ? explain(open.error).title : wrong.get('password')}>
          {(parts) => <Input {...parts} type="password" name="password" autoComplete="new-password" minLength={10} required />}
        </Field>
        <Button type="submit" size="lg" className="w-full" busy={open.isPending}>
          Open the account
        </Button>
      </form>
    </Gate>
  )
}
