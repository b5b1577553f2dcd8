// SPDX-License-Identifier: Apache-2.0
import { useRouter, type ErrorComponentProps } from '@tanstack/react-router'
import { Compass } from 'lucide-react'
import { useEffect } from 'react'
import { PageMissing } from '@/shared/routing'
import { ButtonLink, EmptyState, ProblemNotice } from '@/shared/ui'
import { reportError } from './reporting'

export function NotFound() {
  return (
    <EmptyState icon={Compass} title="There is no such page" action={<ButtonLink to="/">To the start</ButtonLink>}>
      The address may be old or mistyped.
    </EmptyState>
  )
}

const LOOK_MS = 3_000

/** A page that could not be drawn. One whose script is missing is loaded anew as soon as the server answers. */
export function PageFailed({ error, reset }: ErrorComponentProps) {
  const router = useRouter()
  const isMissing = error instanceof PageMissing
  useEffect(() => {
    if (!isMissing) {
      reportError(error)
      return
    }
    const timer = setInterval(() => {
      fetch('/health').then(
        ({ ok }) => ok && location.reload(),
        () => undefined,
      )
    }, LOOK_MS)
    return () => clearInterval(timer)
  }, [error, isMissing])
  const retry = () => {
    reset()
    void router.invalidate()
  }
  return <ProblemNotice error={error} onRetry={isMissing ? () => location.reload() : retry} />
}
