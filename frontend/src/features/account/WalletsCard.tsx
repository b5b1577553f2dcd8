// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { Wallet } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { api, takeNothing } from '@/shared/api'
import { useConfig } from '@/shared/config'
import { formatDate, formatDateTime } from '@/shared/format'
import { Badge, Button, Card, CardSkeleton, EmptyState, Hash, ProblemNotice, Skeleton, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { walletsQuery } from './queries'

const LinkWallet = lazy(() => import('./LinkWallet'))

/** Present and former wallets, a change that waits, and the way to link another. */
export function WalletsCard() {
  const client = useQueryClient()
  const config = useConfig()
  const wallets = useQuery(walletsQuery)
  const [linking, setLinking] = useState(false)
  const cancel = useMutation({
    mutationFn: (id: string) => takeNothing(api.DELETE('/api/users/me/wallets/replacements/{replacement_id}', { params: { path: { replacement_id: id } } })),
    onSuccess: () => toast.success('The change was cancelled'),
    onError: toast.problem,
    onSettled: () => client.invalidateQueries({ queryKey: walletsQuery.queryKey }),
  })
  if (wallets.isPending) return <CardSkeleton />
  if (wallets.isError) return <ProblemNotice error={wallets.error} onRetry={() => void wallets.refetch()} />
  const { wallets: all, replacements } = wallets.data
  const explorer = config.data?.explorerUrl
  const open = all.filter((one) => one.validTo === null).map((one) => one.address)
  return (
    <Card
      title="Wallets"
      description="What these addresses trade on chain is yours."
      actions={
        <Button size="sm" variant="secondary" onClick={() => setLinking(true)}>
          <Wallet aria-hidden /> Link or change
        </Button>
      }
    >
      {all.length === 0 && <EmptyState icon={Wallet} title="No wallet yet">Link one to sell, buy and hold carbon.</EmptyState>}
      <ul className="space-y-2">
        {all.map((one) => (
          <li key={one.address + one.validFrom} className="flex flex-wrap items-center justify-between gap-x-4 gap-y-1 rounded-xl border border-line bg-raised px-3 py-2.5 text-sm">
            <Hash value={one.address} kept={8} href={explorer ? `${explorer}/address/${one.address}` : null} />
            {one.validTo === null ? <Badge tone="success">Linked</Badge> : <span className="text-muted">until {formatDate(one.validTo)}</span>}
          </li>
        ))}
      </ul>
      {replacements.map((one) => (
        <div key={one.id} className="mt-3 flex flex-wrap items-center justify-between gap-3 rounded-xl border border-warning/40 bg-warning/5 p-3 text-sm">
          <p>
            <Hash value={one.oldAddress} /> gives way to <Hash value={one.newAddress} /> on {formatDateTime(one.effectiveAt)}. Not you? Cancel it.
          </p>
          <Button size="sm" variant="danger" busy={cancel.isPending} onClick={() => cancel.mutate(one.id)}>
            Cancel the change
          </Button>
        </div>
      ))}
      <Dialog open={linking} onOpenChange={setLinking} title="Link a wallet" description="You prove that it is yours by a signature; it costs nothing.">
        {linking && (
          <Suspense fallback={<Skeleton className="h-24 w-full" />}>
            <LinkWallet open={open} onDone={() => setLinking(false)} />
          </Suspense>
        )}
      </Dialog>
    </Card>
  )
}
