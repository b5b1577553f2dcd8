// SPDX-License-Identifier: Apache-2.0
/** A purchase in the hands of the page: reserved, kept in the browser, sent by the wallet; the outbox sees it through. */
import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import type { Hex } from 'viem'
import { api, ApiProblem, take } from '@/shared/api'
import { microOf, scaledText } from '@/shared/format'
import { useUser } from '@/shared/session'
import { useWallet } from '@/shared/wallet'
import { troubleOf } from '../logic/trouble'
import { readOrder } from '../logic/order'
import { tradeIdOf } from '../logic/purchase'
import { keep, tell } from '../purchases/store'
import type { Offer } from '../queries'
import type { Community } from '@/shared/session'
import { useTrader, type Reservation } from './trader'

export interface Buying {
  readonly reservation: Reservation | null
  readonly isReserving: boolean
  readonly isAsking: boolean
  readonly error: unknown
  reserve: (offer: Offer, energyWh: bigint, buyer: string | null) => Promise<void>
  confirm: () => Promise<void>
}

/** `earlier` is a reservation that was made before the page was loaded. */
export function useBuying(community: Community, earlier: Reservation | null = null): Buying {
  const user = useUser()
  const { wanted } = useWallet()
  const trader = useTrader(wanted)
  const [made, setMade] = useState<Reservation | null>(null)
  const reservation = made ?? earlier
  const reserving = useMutation({
    mutationFn: async ({ offer, energyWh, buyer }: { offer: Offer; energyWh: bigint; buyer: string | null }) => {
      const held = await take(
        api.POST('/api/market/offers/{offer_id}/reservations', {
          params: { path: { offer_id: offer.id } },
          body: { energyKwh: scaledText(energyWh, 3), buyer },
        }),
      )
      refuseOthers(held, offer, energyWh, wanted.contractAddress)
      return { held, offer }
    },
    onSuccess: ({ held, offer }) => {
      keep({
        id: held.id,
        userId: user.id,
        offerId: offer.id,
        sellerId: held.sellerId,
        community: community.number,
        deliveryStart: offer.deliveryStart,
        energyKwh: held.energyKwh,
        pricePerKwh: offer.pricePerKwh,
        expiresAt: held.expiresAt,
        startedAt: new Date().toISOString(),
        stage: 'reserved',
        isPosted: false,
        expectedId: tradeIdOf(held.buyer as Hex, BigInt(held.nonce)),
        confirmations: 0,
        required: wanted.confirmations,
      })
      setMade(held)
    },
  })
  const asking = useMutation({
    mutationFn: async (held: Reservation) => {
      tell(held.id, { type: 'asked' })
      const txHash = await trader.fill(held)
      tell(held.id, { type: 'sent', txHash, at: new Date().toISOString() })
      void watch(held.id, txHash)
    },
    onError: (error, held) => tell(held.id, { type: 'failed', trouble: troubleOf(error) }),
  })
  const watch = async (id: string, txHash: Hex) => {
    try {
      const { block, isReverted } = await trader.mined(txHash, (other) => tell(id, { type: 'replaced', txHash: other }))
      if (isReverted) tell(id, { type: 'failed', trouble: troubleOf(new ApiProblem(409, 'trade.reverted', '')) })
      else tell(id, { type: 'mined', block: block.toString() })
    } catch {
      // The wallet's node does not answer: the service watches the chain all the same, and the outbox asks it.
    }
  }
  return {
    reservation,
    isReserving: reserving.isPending,
    isAsking: asking.isPending,
    error: reserving.error,
    reserve: async (offer, energyWh, buyer) => {
      await reserving.mutateAsync({ offer, energyWh, buyer }).catch(() => undefined)
    },
    confirm: async () => {
      if (reservation) await asking.mutateAsync(reservation).catch(() => undefined)
    },
  }
}

/** The reserved order must be the offer that was chosen: nothing else is sent. Throws ApiProblem. */
function refuseOthers(made: Reservation, offer: Offer, energyWh: bigint, contract: string): void {
  const order = readOrder(made.order)
  const same =
    made.contract.toLowerCase() === contract.toLowerCase() &&
    order.pricePerKwh === microOf(offer.pricePerKwh) &&
    order.deliveryStart === BigInt(Date.parse(offer.deliveryStart) / 1000) &&
    !order.isBid &&
    BigInt(made.energyWh) === energyWh
  if (!same) throw new ApiProblem(409, 'offer.differs', 'The reserved offer is not the one you chose')
}
