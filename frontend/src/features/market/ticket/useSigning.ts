// SPDX-License-Identifier: Apache-2.0
/** An order from draft to book: drafted by the service, compared with what was typed, signed, handed in. */
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState } from 'react'
import type { Address, Hex } from 'viem'
import { api, ApiProblem, take, type Schemas } from '@/shared/api'
import { scaledText } from '@/shared/format'
import { useWallet } from '@/shared/wallet'
import { differences, readTypedOrder, type TypedOrder, type Wish } from '../logic/order'
import type { Amounts, OrderForm } from '../logic/validation'
import type { Capacity } from '../queries'

export interface Draft {
  readonly typed: TypedOrder
  readonly typedData: Readonly<Record<string, unknown>>
  readonly kind: Schemas['OrderKind']
}

export interface Asked {
  readonly form: OrderForm
  readonly amounts: Amounts
  readonly house: Capacity
  readonly start: Date
}

export interface Signing {
  readonly draft: Draft | null
  readonly placed: Schemas['PlacedOut'] | null
  readonly step: 'idle' | 'drafting' | 'signing' | 'placing'
  readonly error: unknown
  ask: (asked: Asked) => Promise<void>
  sign: () => Promise<void>
  close: () => void
}

export function useSigning(): Signing {
  const wallet = useWallet()
  const client = useQueryClient()
  const [draft, setDraft] = useState<Draft | null>(null)
  const [placed, setPlaced] = useState<Schemas['PlacedOut'] | null>(null)
  const [step, setStep] = useState<Signing['step']>('idle')
  const drafting = useMutation({
    mutationFn: (asked: Asked) => prepare(asked, wallet.address, wallet.wanted),
    onSuccess: setDraft,
  })
  const signing = useMutation({
    mutationFn: async ({ typed, typedData, kind }: Draft) => {
      setStep('signing')
      const signature = await wallet.signTypedData(typedData, typed.order.maker)
      setStep('placing')
      const order = typedData['message'] as Schemas['OrderMessage']
      const body = { order, signature, kind, clientTime: new Date().toISOString() }
      return take(api.POST('/api/market/orders', { body }))
    },
    onSuccess: (answer) => {
      setPlaced(answer)
      void client.invalidateQueries({ queryKey: ['market'] })
    },
    onSettled: () => setStep('idle'),
  })
  return {
    draft,
    placed,
    step: drafting.isPending ? 'drafting' : step,
    error: drafting.error ?? signing.error,
    ask: async (asked) => {
      signing.reset()
      setPlaced(null)
      await drafting.mutateAsync(asked).catch(() => undefined)
    },
    sign: async () => {
      if (draft) await signing.mutateAsync(draft).catch(() => undefined)
    },
    close: () => {
      setDraft(null)
      setPlaced(null)
      drafting.reset()
      signing.reset()
    },
  }
}

async function prepare(asked: Asked, maker: Address | undefined, wanted: { chainId: number; contractAddress: string }): Promise<Draft> {
  if (maker === undefined) throw new ApiProblem(409, 'wallet.none', 'No wallet is connected')
  const { form, amounts, house, start } = asked
  const taker = form.venue === 'direct' && form.taker.trim() !== '' ? form.taker.trim() : null
  const answer = await take(
    api.POST('/api/market/orders/drafts', {
      body: {
        houseId: house.houseId,
        side: form.isBid ? 'bid' : 'offer',
        deliveryStart: start.toISOString(),
        energyKwh: scaledText(amounts.energyWh, 3),
        minFillKwh: scaledText(amounts.minFillWh, 3),
        pricePerKwh: scaledText(amounts.priceMicro, 6),
        kind: form.kind,
        venue: form.venue,
        taker,
      },
    }),
  )
  const typed = readTypedOrder(answer.typedData)
  const wish: Wish = {
    maker,
    contract: wanted.contractAddress as Address,
    chainId: wanted.chainId,
    isBid: form.isBid,
    venue: form.venue,
    ...(taker === null ? {} : { taker: taker as Address }),
    deliveryStart: start,
    energyWh: amounts.energyWh,
    minFillWh: amounts.minFillWh,
    priceMicroPerKwh: amounts.priceMicro,
  }
  const differing = differences(typed, wish, answer.orderHash as Hex)
  if (differing.length > 0) throw new ApiProblem(409, 'order.draft_differs', `The prepared order differs in: ${differing.join(', ')}`)
  return { typed, typedData: answer.typedData, kind: answer.kind }
}
