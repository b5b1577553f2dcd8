// SPDX-License-Identifier: Apache-2.0
import { useMutation } from '@tanstack/react-query'
import { Link, useSearch } from '@tanstack/react-router'
import { lazy, Suspense } from 'react'
import { Button, Field, Input, ProblemNotice, Skeleton } from '@/shared/ui'
import { signInByEmail, useEnter } from '../enter'
import { entries } from '../form'
import { Gate, Or } from '../Gate'

const SignInByWallet = lazy(() => import('../SignInByWallet'))

export function SignInPage() {
  const { then } = useSearch({ from: '/sign-in' })
  const onEnter = useEnter(then)
  const signIn = useMutation({ mutationFn: signInByEmail, onSuccess: onEnter })
  return (
    <Gate
      title="Sign in"
      description="With the wallet that you trade with, or by e-mail."
      footer={
        <>
          New here? <Link to="/register" search={then ? { then } : {}} className="text-link underline underline-offset-4">Open an account</Link>, or just sign in with your wallet.
        </>
      }
    >
      <Suspense fallback={<Skeleton className="h-12 w-full rounded-lg" />}>
        <SignInByWallet onEnter={onEnter} />
      </Suspense>
      <Or />
      <form
        className="space-y-4"
        onSubmit={(event) => {
          event.preventDefault()
          const { email, password } = entries(event.currentTarget)
          signIn.mutate({ email, password })
        }}
      >
        {signIn.isError && <ProblemNotice error={signIn.error} />}
        <Field label="E-mail">{(parts) => <Input {...parts} type="email" name="email" autoComplete="username" required />}</Field>
        <Field label="Password">{(parts) => <Input {...parts} type="password" name="password" autoComplete="current-password" required />}</Field>
        <Button type="submit" variant="secondary" size="lg" className="w-full" busy={signIn.isPending}>
          Sign in by e-mail
        </Button>
      </form>
    </Gate>
  )
}
