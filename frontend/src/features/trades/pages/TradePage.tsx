// SPDX-License-Identifier: Apache-2.0
/** One trade: how far it is, what it is worth, why it cost this, and its proof. Public. */
import { useQuery } from '@tanstack/react-query'
import { getRouteApi } from '@tanstack/react-router'
import { ArrowRight, SearchX } from 'lucide-react'
import { lazy, Suspense } from 'react'
import { costMicro, formatCarbon, formatDateTime, formatEnergy, formatInterval, formatMoney, formatPrice, gramsOf, microOf, whOf } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { useMembership, useSession } from '@/shared/session'
import { ButtonLink, Card, CardSkeleton, EmptyState, Facts, Hash, PageHeader, PageSkeleton, ProblemNotice, Stat, Stepper } from '@/shared/ui'
import { OrphanCard } from '../OrphanCard'
import { currenciesQuery, isNotFound, tradeQuery } from '../queries'
import { DirectPrice, ReceiptCard } from '../ReceiptCard'
import { ineligibleWords, stepsOf, type Trade } from '../states'
import { TradeBadge } from '../TradeBadge'

const ProofCard = lazy(() => import('../ProofCard').then(({ ProofCard: Proof }) => ({ default: Proof })))
const route = getRouteApi('/trades/$id')

export function TradePage() {
  const { id } = route.useParams()
  const trade = useQuery(tradeQuery(id))
  useLiveInvalidation(['trades'], ['trades', 'one', id], ['trades', 'observations'])
  if (trade.isPending) return <PageSkeleton />
  if (trade.isError) {
    if (!isNotFound(trade.error)) return <ProblemNotice error={trade.error} onRetry={() => void trade.refetch()} />
    return (
      <EmptyState icon={SearchX} title="There is no such trade" action={<ButtonLink to="/trades">Your trades</ButtonLink>}>
        Its id may be mistyped, or it is a claim that only its owner sees.
      </EmptyState>
    )
  }
  return <TradeView trade={trade.data} />
}

function TradeView({ trade }: { trade: Trade }) {
  const { user } = useSession()
  const { organization } = useMembership()
  const currencies = useQuery(currenciesQuery)
  const known = currencies.data ?? new Map<number, string>()
  const only = new Set(known.values()).size === 1 ? [...known.values()][0] : undefined
  const currency = known.get(trade.community ?? -1) ?? organization?.currency ?? only ?? ''
  const isRecorded = trade.status === 'confirmed' || trade.status === 'final'
  return (
    <>
      <PageHeader
        title={<span className="flex flex-wrap items-center gap-3">{formatEnergy(whOf(trade.energyKwh))} <TradeBadge trade={trade} /></span>}
        description={<Parties trade={trade} mine={user?.wallets ?? []} />}
        actions={trade.explorerUrl ? <a className="text-sm text-link underline underline-offset-4" href={trade.explorerUrl} target="_blank" rel="noreferrer">Open in the explorer</a> : undefined}
      />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,1fr)_22rem]">
        <div className="min-w-0 space-y-4">
          <Worth trade={trade} currency={currency} />
          <OrphanCard trade={trade} />
          {isRecorded && trade.tradeId && (
            <Suspense fallback={<CardSkeleton lines={3} />}><ProofCard tradeId={trade.tradeId} /></Suspense>
          )}
          {isRecorded && (trade.kind === 'matched' ? (user ? <ReceiptCard trade={trade} currency={currency} /> : null) : <DirectPrice trade={trade} currency={currency} />)}
        </div>
        <div className="min-w-0 space-y-4">
          <Card title="How far it is"><Stepper label="Steps of the trade" steps={stepsOf(trade)} /></Card>
          <OnChain trade={trade} />
        </div>
      </div>
    </>
  )
}

function Parties({ trade, mine }: { trade: Trade; mine: readonly string[] }) {
  if (!trade.sellerAddress || !trade.buyerAddress) return <>A claim that waits for its event on chain.</>
  const name = (address: string) => (mine.includes(address) ? <strong className="text-fg">you</strong> : <Hash value={address} />)
  return (
    <span className="inline-flex flex-wrap items-center gap-2">
      {name(trade.sellerAddress)} <ArrowRight className="size-4" aria-label="sold to" /> {name(trade.buyerAddress)}
    </span>
  )
}

function Worth({ trade, currency }: { trade: Trade; currency: string }) {
  const energy = whOf(trade.energyKwh)
  const price = microOf(trade.pricePerKwh)
  const why = ineligibleWords(trade.ineligibleReason)
  return (
    <Card>
      <div className="grid grid-cols-2 gap-5 sm:grid-cols-3">
        <Stat label="Price" value={formatPrice(price, '').replace('/kWh', '').trim()} unit={`${currency}/kWh`} />
        <Stat label="Amount" value={formatMoney(costMicro(energy, price), '').trim()} unit={currency} note="Energy only, without fees" />
        <Stat
          label="CO₂e avoided"
          tone="carbon"
          value={trade.consented && !why ? formatCarbon(gramsOf(trade.carbonSavedKg)) : '–'}
          note={why ?? (trade.factorId ? `Estimate by emission factor ${trade.factorId}` : undefined)}
        />
      </div>
      {trade.deliveryStart && trade.deliveryMinutes && (
        <p className="mt-5 border-t border-line pt-4 text-sm text-muted">
          Delivery <span className="text-fg tabular-nums">{formatInterval(trade.deliveryStart, trade.deliveryMinutes)}</span>
          {trade.deliveredKwh != null && <> · delivered <span className="text-fg tabular-nums">{formatEnergy(whOf(trade.deliveredKwh))}</span> by meter readings</>}
        </p>
      )}
    </Card>
  )
}

const KINDS = { matched: 'Matched in the order book', filled: 'Direct offer, taken on chain', logged: 'Logged by one party' }

function OnChain({ trade }: { trade: Trade }) {
  return (
    <Card title="On chain">
      <Facts
        items={[
          ...(trade.kind ? [['How', KINDS[trade.kind]] as const] : []),
          ['Transaction', <Hash key="t" value={trade.txHash} href={trade.explorerUrl} />],
          ...(trade.blockNumber ? [['Block', trade.blockNumber.toLocaleString('en')] as const] : []),
          ...(trade.blockHash ? [['Block hash', <Hash key="b" value={trade.blockHash} />] as const] : []),
          ...(trade.blockTime ? [['Block time', formatDateTime(trade.blockTime)] as const] : []),
          ...(trade.tradeId ? [['Trade id', <Hash key="i" value={trade.tradeId} />] as const] : []),
        ]}
      />
    </Card>
  )
}
