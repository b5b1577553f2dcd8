// SPDX-License-Identifier: Apache-2.0
/** The front page: what GridX is, what happens now, and how anybody checks it. No account, no wallet, little script. */
import { Blocks, FileSignature, FileSearch, ShieldCheck } from 'lucide-react'
import { useLiveInvalidation } from '@/shared/live'
import { useSession } from '@/shared/session'
import { ButtonLink } from '@/shared/ui'
import { Figures } from '../figures'
import { FirstPlaces } from '../first-places'
import { LastTrades } from '../last-trades'
import { Neighbourhood } from '../neighbourhood'
import { firstPlacesQuery, lastTradesQuery, totalsQuery } from '../queries'

const STEPS = [
  {
    icon: FileSignature,
    title: 'Both sides sign',
    text: 'The seller’s wallet signs the offer, the buyer’s wallet the purchase. GridX holds no keys and cannot trade for anybody.',
  },
  {
    icon: Blocks,
    title: 'The chain records',
    text: 'A contract checks both signatures and logs the trade. GridX writes a record only when that block is confirmed, and takes it back if the block is replaced.',
  },
  {
    icon: FileSearch,
    title: 'You check',
    text: 'Each trade has a proof file: block header, receipt, path between them. Your browser computes every hash itself and names what was changed.',
  },
] as const

export function LandingPage() {
  useLiveInvalidation(['trades'], totalsQuery.queryKey, lastTradesQuery.queryKey)
  useLiveInvalidation(['leaderboard'], firstPlacesQuery.queryKey)
  return (
    <div className="space-y-12 pb-8 sm:space-y-16">
      <Hero />
      <Figures />
      <div className="grid gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
        <LastTrades />
        <FirstPlaces />
      </div>
      <HowItIsProven />
    </div>
  )
}

function Hero() {
  const { user } = useSession()
  return (
    <section className="grid items-center gap-8 pt-4 lg:grid-cols-[minmax(0,1.1fr)_minmax(0,1fr)] lg:pt-10">
      <div>
        <p className="inline-flex items-center gap-2 rounded-full border border-primary/40 bg-primary/10 px-3 py-1 text-xs font-medium text-primary">
          <ShieldCheck className="size-3.5" aria-hidden /> An energy market that proves itself
        </p>
        <h1 className="mt-5 text-4xl leading-[1.08] font-extrabold tracking-tight text-balance sm:text-5xl lg:text-6xl">
          Solar power from next door. <span className="text-primary">Proven, kilowatt-hour by kilowatt-hour.</span>
        </h1>
        <p className="mt-5 max-w-xl text-base text-muted sm:text-lg">
          Neighbours sell what their roofs produce and buy what they need, at their own price. Meters say what was delivered, a public chain
          what was agreed, and anybody can compare the two.
        </p>
        <div className="mt-7 flex flex-wrap gap-3">
          {user ? (
            <ButtonLink to="/dashboard" size="lg">Open your dashboard</ButtonLink>
          ) : (
            <ButtonLink to="/sign-in" size="lg">Start trading</ButtonLink>
          )}
          <ButtonLink to="/verify" reloadDocument variant="secondary" size="lg">Verify a proof</ButtonLink>
        </div>
      </div>
      <Neighbourhood className="mx-auto w-full max-w-lg" />
    </section>
  )
}

function HowItIsProven() {
  return (
    <section aria-labelledby="how">
      <h2 id="how" className="text-2xl font-bold tracking-tight sm:text-3xl">Do not trust us. Check.</h2>
      <ol className="mt-6 grid gap-4 md:grid-cols-3">
        {STEPS.map(({ icon: Sign, title, text }, place) => (
          <li key={title} className="relative overflow-hidden rounded-2xl border border-line bg-surface p-5 shadow-card sm:p-6">
            <span aria-hidden className="absolute -top-5 right-2 text-8xl font-extrabold text-fg/4 tabular-nums">{place + 1}</span>
            <span className="grid size-11 place-items-center rounded-xl bg-primary/10 text-primary"><Sign className="size-5" aria-hidden /></span>
            <h3 className="mt-4 font-semibold">{title}</h3>
            <p className="mt-1.5 text-sm text-muted">{text}</p>
          </li>
        ))}
      </ol>
      <div className="mt-6 flex flex-wrap items-center gap-x-6 gap-y-3 rounded-2xl border border-line bg-surface p-5 sm:p-6">
        <p className="min-w-0 flex-1 basis-72 text-sm text-muted">
          Carbon figures are avoided-emission estimates: metered energy times a published factor of the region. A trade earns one only when both
          sides agreed and the meters confirm the delivery.
        </p>
        <div className="flex flex-wrap gap-2">
          <ButtonLink to="/verify" reloadDocument variant="secondary">Check a proof file</ButtonLink>
          <ButtonLink to="/leaderboard" variant="ghost">See the leaderboard</ButtonLink>
        </div>
      </div>
    </section>
  )
}
