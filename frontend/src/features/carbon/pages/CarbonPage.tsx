// SPDX-License-Identifier: Apache-2.0
/** One's carbon: balance, entries, certificates, and spending by signed documents. */
import { useQuery } from '@tanstack/react-query'
import { Award, Gift } from 'lucide-react'
import { lazy, Suspense, useState } from 'react'
import { carbonWalletQuery } from '@/shared/carbon'
import { gramsOf } from '@/shared/format'
import { useLiveInvalidation } from '@/shared/live'
import { useUser } from '@/shared/session'
import { Button, CardSkeleton, PageHeader, ProblemNotice } from '@/shared/ui'
import { Balances, ByWallet } from '../Balances'
import { Entries } from '../Entries'
import { walletKey } from '../queries'
import { Retirements } from '../Retirements'

const SpendDialog = lazy(() => import('../SpendDialog').then(({ SpendDialog: Dialog }) => ({ default: Dialog })))

export function CarbonPage() {
  const user = useUser()
  const wallet = useQuery(carbonWalletQuery(user.id))
  useLiveInvalidation(['trades'], walletKey)
  const [spending, setSpending] = useState<'retirement' | 'transfer' | null>(null)
  const hasSome = wallet.data !== undefined && gramsOf(wallet.data.availableKg) > 0n
  return (
    <>
      <PageHeader
        title="Carbon wallet"
        description="Avoided-emission estimates of the power you bought. Available ones can be retired for ever, or given away."
        actions={
          <>
            <Button variant="secondary" disabled={!hasSome} onClick={() => setSpending('transfer')}><Gift aria-hidden /> Give</Button>
            <Button disabled={!hasSome} onClick={() => setSpending('retirement')}><Award aria-hidden /> Retire</Button>
          </>
        }
      />
      <div className="space-y-4">
        {wallet.isPending ? (
          <CardSkeleton lines={4} />
        ) : wallet.isError ? (
          <ProblemNotice error={wallet.error} onRetry={() => void wallet.refetch()} />
        ) : (
          <>
            <Balances wallet={wallet.data} />
            <ByWallet wallet={wallet.data} />
          </>
        )}
        <div className="grid items-start gap-4 xl:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <Entries userId={user.id} />
          <Retirements userId={user.id} />
        </div>
      </div>
      {spending !== null && wallet.data && (
        <Suspense fallback={null}>
          <SpendDialog kind={spending} wallet={wallet.data} onClose={() => setSpending(null)} />
        </Suspense>
      )}
    </>
  )
}
