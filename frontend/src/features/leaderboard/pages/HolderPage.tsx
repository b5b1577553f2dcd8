// SPDX-License-Identifier: Apache-2.0
/** Somebody who chose to be named: places, and the trades behind them, each one click from its proof. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { ArrowLeft, UserRoundX, Zap } from 'lucide-react'
import { ApiProblem, type Schemas } from '@/shared/api'
import { carbonParts, formatCarbon, formatDateTime, formatEnergy, gramsOf, shortHex, whOf } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { Badge, ButtonLink, Card, CardSkeleton, EmptyState, PageHeader, Pagination, ProblemNotice, Stat, Table, Td, Th } from '@/shared/ui'
import { PERIOD_NAMES } from '../board'
import { holderQuery, holderTradesQuery } from '../queries'

const route = getRouteApi('/leaderboard/$userId')

export function HolderPage() {
  const { userId } = route.useParams()
  const holder = useQuery(holderQuery(userId))
  useLiveInvalidation(['leaderboard'], holderQuery(userId).queryKey)
  if (holder.isPending) return <CardSkeleton lines={4} />
  if (holder.isError) {
    const isUnnamed = holder.error instanceof ApiProblem && holder.error.code === 'carbon.holder_not_named'
    if (!isUnnamed) return <ProblemNotice error={holder.error} onRetry={() => void holder.refetch()} />
    return (
      <EmptyState icon={UserRoundX} title="Nobody is named here" action={<ButtonLink to="/leaderboard">To the leaderboard</ButtonLink>}>
        Whoever this was chose to stand on the board under an alias, or left.
      </EmptyState>
    )
  }
  return (
    <>
      <Link to="/leaderboard" className="mb-3 inline-flex min-h-9 items-center gap-1.5 text-sm text-muted hover:text-fg">
        <ArrowLeft className="size-4" aria-hidden /> Leaderboard
      </Link>
      <PageHeader title={holder.data.name} description="Chose to be named on the board. The trades behind the figures are public; open one to check its proof in your browser." />
      <Places places={holder.data.places} />
      <Trades userId={userId} />
    </>
  )
}

function Places({ places }: { places: readonly Schemas['PlaceOut'][] }) {
  if (places.length === 0) return null
  return (
    <Card className="mb-4" bodyClassName="grid grid-cols-2 gap-5 lg:grid-cols-4">
      {places.map((place) => {
        const { value, unit } = carbonParts(gramsOf(place.carbonKg))
        return <Stat key={place.period} label={PERIOD_NAMES[place.period]} value={value} unit={`${unit} CO₂e`} note={`Rank ${place.rank.toLocaleString('en')} of all communities`} tone="carbon" />
      })}
    </Card>
  )
}

function Trades({ userId }: { userId: string }) {
  const { page = 1 } = route.useSearch()
  const navigate = route.useNavigate()
  const trades = useQuery(holderTradesQuery(userId, page))
  if (trades.isPending) return <CardSkeleton lines={6} />
  if (trades.isError) return <ProblemNotice error={trades.error} onRetry={() => void trades.refetch()} />
  if (trades.data.total === 0) return <EmptyState icon={Zap} title="No trade is recorded yet" />
  return (
    <Card title="Trades" description="Newest first, as seller or buyer.">
      <Table label="Trades">
        <thead>
          <tr><Th>Time</Th><Th>Seller → buyer</Th><Th num>Energy</Th><Th num>CO₂e avoided</Th><Th>State</Th></tr>
        </thead>
        <tbody>
          {trades.data.items.map((trade) => (
            <tr key={trade.id}>
              <Td className="whitespace-nowrap">
                <Link to="/trades/$id" params={{ id: trade.tradeId ?? trade.id }} className="text-link underline-offset-4 hover:underline">
                  {trade.blockTime ? formatDateTime(trade.blockTime) : 'Trade'}
                </Link>
              </Td>
              <Td className="font-mono text-xs whitespace-nowrap text-muted">{shortHex(trade.sellerAddress ?? '')} → {shortHex(trade.buyerAddress ?? '')}</Td>
              <Td num>{formatEnergy(whOf(trade.energyKwh))}</Td>
              <Td num>{trade.consented ? formatCarbon(gramsOf(trade.carbonSavedKg)) : '–'}</Td>
              <Td><Badge tone={trade.status === 'orphaned' ? 'warning' : trade.consented ? 'success' : 'neutral'}>{trade.status === 'orphaned' ? 'Block replaced' : trade.consented ? 'Blockchain verified' : 'One party only'}</Badge></Td>
            </tr>
          ))}
        </tbody>
      </Table>
      <Pagination page={page} limit={trades.data.limit} total={trades.data.total} onPage={(next) => void navigate({ search: { page: next } })} />
    </Card>
  )
}
