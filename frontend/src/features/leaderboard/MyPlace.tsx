// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import { api, take } from '@/shared/api'
import { formatCarbon, gramsOf } from '@/shared/format'
import { updateUser, type User } from '@/shared/session'
import { Button, Field, Input, ProblemNotice, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import type { BoardKey } from './board'
import { myPlaceQuery } from './queries'

const LONGEST_NAME = 60

/** One's own rank, and the choice to stand there by name. */
export function MyPlace({ board, user }: { board: BoardKey; user: User }) {
  const mine = useQuery(myPlaceQuery(board))
  const [open, setOpen] = useState(false)
  const place = mine.data?.places.find((one) => one.isMe)
  return (
    <section aria-label="Your place" className="mb-4 flex min-h-16 flex-wrap items-center justify-between gap-x-6 gap-y-2 rounded-2xl border border-primary/30 bg-primary/5 px-4 py-3 sm:px-5">
      <p className="text-sm">
        {mine.isPending ? (
          'Looking for your place …'
        ) : mine.isError ? (
          'Your place cannot be read at the moment.'
        ) : place ? (
          <>
            You are <strong className="text-primary tabular-nums">#{place.rank.toLocaleString('en')}</strong> with{' '}
            <strong className="tabular-nums">{formatCarbon(gramsOf(place.carbonKg))}</strong>, shown as “{place.name}”.
          </>
        ) : (
          'You are not ranked in this period yet.'
        )}
      </p>
      <Button variant="secondary" size="sm" onClick={() => setOpen(true)}>
        {user.leaderboardName ? 'Change your name here' : 'Show your name'}
      </Button>
      {open && <NameDialog user={user} onClose={() => setOpen(false)} />}
    </section>
  )
}

function NameDialog({ user, onClose }: { user: User; onClose: () => void }) {
  const client = useQueryClient()
  const [name, setName] = useState(user.leaderboardName ?? user.name)
  const save = useMutation({
    mutationFn: (leaderboardName: string | null) => take(api.PUT('/api/users/me', { body: { leaderboardName } })),
    onSuccess: async (changed) => {
      updateUser(changed)
      await client.invalidateQueries({ queryKey: ['leaderboard'] })
      toast.success(changed.leaderboardName ? `You are shown as “${changed.leaderboardName}”` : 'You are shown under an alias')
      onClose()
    },
  })
  const trimmed = name.trim()
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="Your name on the leaderboard"
      description="With a name, everybody can follow your line to your trades and wallet addresses. Without one you stand under an alias."
      footer={
        <>
          {user.leaderboardName && (
            <Button variant="secondary" busy={save.isPending} onClick={() => save.mutate(null)}>Use an alias again</Button>
          )}
          <Button type="submit" form="board-name" busy={save.isPending} disabled={trimmed === '' || trimmed.length > LONGEST_NAME}>Show this name</Button>
        </>
      }
    >
      <form id="board-name" onSubmit={(event) => { event.preventDefault(); save.mutate(trimmed) }}>
        <Field label="Name" hint={`At most ${LONGEST_NAME} characters; it need not be your own.`}>
          {(parts) => <Input {...parts} value={name} maxLength={LONGEST_NAME} onChange={(event) => setName(event.target.value)} autoComplete="nickname" />}
        </Field>
        {save.isError && <ProblemNotice error={save.error} className="mt-4" />}
      </form>
    </Dialog>
  )
}
