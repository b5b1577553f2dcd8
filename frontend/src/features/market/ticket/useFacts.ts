// SPDX-License-Identifier: Apache-2.0
/** What the forms must know before anything is signed: the house's room, the rules, the wallet and its balance. */
import { useQuery } from '@tanstack/react-query'
import { useBalance } from 'wagmi'
import { useNow } from '@/shared/clock'
import { microOf, whOf } from '@/shared/format'
import { useWallet } from '@/shared/wallet'
import type { Facts, HouseFacts, WalletFacts } from '../logic/validation'
import { capacitiesQuery, rulesQuery, type Capacity, type Interval } from '../queries'
import type { Community } from '@/shared/session'

const NO_PRICE = 2n ** 40n - 1n

export interface Desk {
  readonly houses: readonly Capacity[]
  readonly house: Capacity | null
  readonly facts: Facts
  readonly isPending: boolean
  readonly error: Error | null
  readonly retry: () => void
}

export function useWalletFacts(): WalletFacts {
  const wallet = useWallet()
  const balance = useBalance({ address: wallet.address, chainId: wallet.wanted.chainId })
  return {
    address: wallet.address ?? null,
    chainId: wallet.chainId ?? null,
    wantedChainId: wallet.wanted.chainId,
    balanceWei: balance.data?.value ?? null,
  }
}

/** The desk of a community's interval with one of the user's houses; without a choice the first that can trade. */
export function useDesk(community: Community, interval: Interval | null, houseId: string | null): Desk {
  const now = new Date(useNow(5_000))
  const wallet = useWalletFacts()
  const start = interval?.start ?? new Date(0).toISOString()
  const capacities = useQuery({ ...capacitiesQuery(start), enabled: interval !== null })
  const rules = useQuery(rulesQuery(community.number))
  const houses = capacities.data ?? []
  const house = houses.find((one) => one.houseId === houseId) ?? houses.find((one) => one.hindrance === null) ?? houses[0] ?? null
  const failed = capacities.error ?? rules.error
  return {
    houses,
    house,
    facts: {
      now,
      interval: interval && {
        start: new Date(interval.start),
        gateOpens: new Date(interval.gateOpens),
        gateCloses: new Date(interval.gateCloses),
      },
      house: house && houseFacts(house),
      minPriceMicro: rules.data ? microOf(rules.data.minPricePerKwh) : 1n,
      maxPriceMicro: rules.data ? microOf(rules.data.maxPricePerKwh) : NO_PRICE,
      currency: community.currency,
      wallet,
    },
    isPending: (interval !== null && capacities.isPending) || rules.isPending,
    error: failed,
    retry: () => {
      void capacities.refetch()
      void rules.refetch()
    },
  }
}

function houseFacts({ hindrance, wallet, offers, bids }: Capacity): HouseFacts {
  return { hindrance, wallet, offerRestWh: whOf(offers.restKwh), bidRestWh: whOf(bids.restKwh) }
}
