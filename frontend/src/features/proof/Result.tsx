// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { Download } from 'lucide-react'
import { useState } from 'react'
import { useConfig } from '@/shared/config'
import { formatCarbon, formatDateTime, formatEnergy, formatInterval, groupedText } from '@/shared/format'
import {
  BlockList, bundleFile, chainOfBundle, CheckList, FalsehoodList, OutcomeBanner, outcomeOf, signedOrders, type Anchoring, type Falsehood,
} from '@/shared/proof'
import { Badge, Button, Card, Facts, Hash } from '@/shared/ui'
import { saveFile } from '@/shared/ui/save'
import { Anchor } from './Anchor'
import type { Checked } from './pages/VerifyPage'

/** What a check found, and what is left to do to turn consistent into proven. */
export function Result({ checked }: { checked: Checked }) {
  const { bundle, verdict } = checked
  const [learned, setLearned] = useState<readonly Anchoring[]>([])
  const falsehoods: readonly Falsehood[] = [...verdict.falsehoods, ...learned.flatMap((part) => part.falsehoods)]
  const isFalse = outcomeOf(verdict, learned) === 'false'
  return (
    <>
      <OutcomeBanner verdict={verdict} learned={learned} />
      {falsehoods.length > 0 && (
        <Card title="What is false"><FalsehoodList falsehoods={falsehoods} /></Card>
      )}
      {verdict.falsehoods.length === 0 && <Anchor verdict={verdict} chain={chainOfBundle(bundle)} learned={learned} onLearned={setLearned} />}
      {!isFalse && verdict.trade && <ProvenTrade checked={checked} />}
      <Card
        title="What was checked"
        actions={
          <Button variant="secondary" size="sm" onClick={() => saveFile(bundleFile(bundle), `gridx-proof-${(verdict.trade?.tradeId ?? 'bundle').slice(0, 18)}.json`)}>
            <Download aria-hidden /> Save the bundle
          </Button>
        }
      >
        <CheckList verdict={verdict} />
      </Card>
      {verdict.blocks.size > 0 && (
        <Card title="The blocks it rests on"><BlockList verdict={verdict} learned={learned} /></Card>
      )}
    </>
  )
}

/** The trade as the evidence has it, not as GridX tells it. */
function ProvenTrade({ checked: { bundle, verdict } }: { checked: Checked }) {
  const config = useConfig()
  const orders = useQuery({
    queryKey: ['proof', 'orders', verdict.trade?.tradeId],
    queryFn: () => signedOrders(bundle, verdict),
    structuralSharing: false,
  })
  const { trade } = verdict
  if (!trade) return null
  const { contract } = chainOfBundle(bundle)
  if (typeof contract !== 'string') return null
  const isOurs = config.data ? config.data.contractAddress.toLowerCase() === contract : null
  return (
    <Card title="The trade, read from the chain’s own bytes">
      <Facts
        className="gap-x-3 sm:gap-x-6"
        items={[
          ['Energy', formatEnergy(trade.energyWh)],
          ['Price per kWh', groupedText(trade.priceMicroPerKwh, 6, 6)],
          ['Seller', <Hash key="s" value={trade.seller} />],
          ['Buyer', <Hash key="b" value={trade.buyer} />],
          ['Logged', formatDateTime(Number(trade.log.time) * 1000)],
          ...(trade.deliveryStart === null
            ? []
            : [['Delivery', formatInterval(Number(trade.deliveryStart) * 1000, Number(trade.deliveryMinutes))] as const]),
          ['Both parties agreed', trade.consented ? 'Yes' : 'No: logged by one party'],
          ['CO₂e avoided, estimate', trade.reason === null ? formatCarbon(trade.claimG) : 'None'],
          ['Trade id', <Hash key="i" value={trade.tradeId} kept={6} />],
          [
            'Contract',
            <span key="c" className="inline-flex flex-wrap items-center justify-end gap-2">
              <Hash value={contract} />
              {isOurs !== null && <Badge tone={isOurs ? 'success' : 'warning'}>{isOurs ? 'this GridX' : 'another contract'}</Badge>}
            </span>,
          ],
          ...(orders.data ?? []).map(({ order, isSigned, digest }) => [
            order.isBid ? 'Buyer’s bid' : 'Seller’s offer',
            <span key={digest} className="inline-flex flex-wrap items-center justify-end gap-2">
              <Badge tone={isSigned ? 'success' : 'neutral'}>{isSigned ? 'signed by its maker' : 'accepted by contract'}</Badge>
              <Hash value={digest} />
            </span>,
          ] as const),
        ]}
      />
    </Card>
  )
}
