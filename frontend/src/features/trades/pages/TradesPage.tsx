// SPDX-License-Identifier: Apache-2.0
/** The user's trades: filtered, ordered, page by page, and as a CSV file. */
import { useMutation, useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { ArrowLeftRight, Download, SearchX } from 'lucide-react'
import { takeFile } from '@/shared/api'
import { useLiveInvalidation } from '@/shared/live'
import { useUser } from '@/shared/session'
import { Button, ButtonLink, Card, CardSkeleton, EmptyState, PageHeader, Pagination, ProblemNotice, toast } from '@/shared/ui'
import { saveFile } from '@/shared/ui/save'
import { FilterBar } from '../FilterBar'
import { countFilters, isClaims, queryOf, type TradeSearch } from '../filters'
import { ON_A_PAGE, tradesQuery } from '../queries'
import { TradeTable } from '../TradeTable'

const route = getRouteApi('/trades')

export function TradesPage() {
  const search = route.useSearch()
  const navigate = route.useNavigate()
  const user = useUser()
  const trades = useQuery(tradesQuery(search, user.id))
  useLiveInvalidation(['trades'], ['trades', 'list'])
  const show = (next: TradeSearch) => void navigate({ search: next, replace: true })
  return (
    <>
      <PageHeader
        title="Trades"
        description="What you sold and bought. Each trade carries a proof that your own browser can check."
        actions={<Export search={search} userId={user.id} isEmpty={trades.data?.total === 0} />}
      />
      <FilterBar search={search} onChange={show} />
      {trades.isPending ? (
        <CardSkeleton lines={8} />
      ) : trades.isError ? (
        <ProblemNotice error={trades.error} onRetry={() => void trades.refetch()} />
      ) : trades.data.total === 0 ? (
        <NoTrades search={search} onClear={() => show({})} />
      ) : (
        <Card bodyClassName="pt-1 sm:pt-2">
          <TradeTable trades={trades.data.items} search={search} onSort={(sort) => show({ ...search, sort, page: undefined })} />
          <Pagination page={search.page ?? 1} limit={ON_A_PAGE} total={trades.data.total} onPage={(page) => show({ ...search, page: page > 1 ? page : undefined })} />
        </Card>
      )}
    </>
  )
}

function NoTrades({ search, onClear }: { search: TradeSearch; onClear: () => void }) {
  if (countFilters(search) > 0) {
    return (
      <EmptyState icon={SearchX} title="No trade fits these filters" action={<Button variant="secondary" onClick={onClear}>Clear filters</Button>}>
        {isClaims(search) ? 'Nothing that you posted waits or has failed.' : 'Try a longer time or another state.'}
      </EmptyState>
    )
  }
  return (
    <EmptyState icon={ArrowLeftRight} title="You have not traded yet" action={<ButtonLink to="/market">To the market</ButtonLink>}>
      Sell what your roof produces, or buy a neighbour’s. Each trade appears here with its confirmations and its proof.
    </EmptyState>
  )
}

/** The list as a file, with the same filters and order; all its pages. */
function Export({ search, userId, isEmpty }: { search: TradeSearch; userId: string; isEmpty: boolean }) {
  const save = useMutation({
    mutationFn: () => takeFile('/api/energy-trades/export', { ...queryOf(search, userId) }),
    onSuccess: (file) => saveFile(file, isClaims(search) ? 'gridx-claims.csv' : 'gridx-trades.csv'),
    onError: (error) => toast.problem(error),
  })
  return (
    <Button variant="secondary" busy={save.isPending} disabled={isEmpty} onClick={() => save.mutate()}>
      <Download aria-hidden /> CSV
    </Button>
  )
}
