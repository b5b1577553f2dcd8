// SPDX-License-Identifier: Apache-2.0
import { useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { Compass } from 'lucide-react'
import { useEffect } from 'react'
import { ButtonLink, EmptyState, ProblemNotice } from '@/shared/ui'
import { reportError } from './reporting'

export function NotFound() {
  return (
    <EmptyState icon={Compass} title="There is no such page" action={<ButtonLink to="/">To the start</ButtonLink>}>
      The address may be old or mistyped.
    </EmptyState>
  )
}

const isStaleChunk = (error: unknown) =>
  error instanceof Error && /dynamically imported module|Importing a module script failed|Failed to fetch dynamically/i.test(error.message)

/** A page that could not be drawn. After an update of GridX the old page's scripts are gone: then it is loaded anew, once. */
export function PageFailed({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  useEffect(() => {
    if (isStaleChunk(error) && navigator.onLine && sessionStorage.getItem('gridx.reloaded') !== location.href) {
      sessionStorage.setItem('gridx.reloaded', location.href)
      location.reload()
    } else reportError(error)
  }, [error])
  return (
    <ProblemNotice
      error={error}
      onRetry={() => {
        reset()
        void router.invalidate()
      }}
    />
  )
}
