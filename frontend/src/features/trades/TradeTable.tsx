// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Link } from '@tanstack/react-router'
import { formatCarbon, formatDateTime, formatEnergy, formatMoney, formatPrice, gramsOf, microOf, costMicro, shortHex, whOf } from '@/shared/format'
import { useMembership, useUser } from '@/shared/session'
import { cn, Table, Td, Th } from '@/shared/ui'
import { isClaims, type Sort, type TradeSearch } from './filters'
import { currenciesQuery } from './queries'
import type { Trade } from './states'
import { TradeBadge } from './TradeBadge'

interface TradeTableProps {
  trades: readonly Trade[]
  search: TradeSearch
  onSort: (sort: Sort | undefined) => void
}

/** The user's trades, a line each; the whole line leads to its page by its time. */
export function TradeTable({ trades, search, onSort }: TradeTableProps) {
  const { sort = 'newest' } = search
  const sortable = !isClaims(search)
  const { organization } = useMembership()
  const currencies = useQuery(currenciesQuery)
  const usual = organization?.currency ?? ''
  return (
    <Table label="Your trades">
      <thead>
        <tr>
          <Th
            sorted={sort === 'newest' ? 'desc' : sort === 'oldest' ? 'asc' : null}
            onSort={sortable ? () => onSort(sort === 'newest' ? 'oldest' : undefined) : undefined}
          >
            Time
          </Th>
          <Th className="hidden sm:table-cell">Side</Th>
          <Th className="hidden lg:table-cell">With</Th>
          <Th num sorted={sort === 'largest' ? 'desc' : null} onSort={sortable ? () => onSort(sort === 'largest' ? undefined : 'largest') : undefined}>Energy</Th>
          <Th num className="hidden md:table-cell" sorted={sort === 'dearest' ? 'desc' : null} onSort={sortable ? () => onSort(sort === 'dearest' ? undefined : 'dearest') : undefined}>Price</Th>
          <Th num>Amount</Th>
          <Th num className="hidden xl:table-cell">CO₂e avoided</Th>
          <Th className="hidden sm:table-cell">State</Th>
        </tr>
      </thead>
      <tbody>
        {trades.map((trade) => (
          <Line key={trade.id} trade={trade} currency={currencies.data?.get(trade.community ?? -1) ?? usual} />
        ))}
      </tbody>
    </Table>
  )
}

function Line({ trade, currency }: { trade: Trade; currency: string }) {
  const user = useUser()
  const isSold = trade.sellerAddress ? user.wallets.includes(trade.sellerAddress) : trade.sellerId === user.id
  const other = isSold ? trade.buyerAddress : trade.sellerAddress
  const energy = whOf(trade.energyKwh)
  const price = microOf(trade.pricePerKwh)
  const carbon = trade.consented ? gramsOf(trade.carbonSavedKg) : 0n
  return (
    <tr className="hover:bg-hover/60">
      <Td className="whitespace-nowrap">
        <Link to="/trades/$id" params={{ id: trade.tradeId ?? trade.id }} className="font-medium text-link underline-offset-4 hover:underline">
          {trade.blockTime ? formatDateTime(trade.blockTime) : 'Not in a block yet'}
        </Link>
        <span className="mt-1 flex flex-col items-start gap-1 sm:hidden">
          <span className={cn('text-xs font-medium', isSold ? 'text-sell' : 'text-buy')}>{isSold ? 'Sold' : 'Bought'}</span>
          <TradeBadge trade={trade} />
        </span>
      </Td>
      <Td className={cn('hidden font-medium sm:table-cell', isSold ? 'text-sell' : 'text-buy')}>{isSold ? 'Sold' : 'Bought'}</Td>
      <Td className="hidden font-mono text-xs whitespace-nowrap text-muted lg:table-cell">{other ? shortHex(other) : '–'}</Td>
      <Td num>{formatEnergy(energy)}</Td>
      <Td num className="hidden md:table-cell">{formatPrice(price, currency)}</Td>
      <Td num className="font-medium">{formatMoney(costMicro(energy, price), currency)}</Td>
      <Td num className={cn('hidden xl:table-cell', carbon > 0n ? 'text-carbon' : 'text-muted')}>{carbon > 0n ? formatCarbon(carbon) : '–'}</Td>
      <Td className="hidden sm:table-cell"><TradeBadge trade={trade} /></Td>
    </tr>
  )
}
