// SPDX-License-Identifier: Apache-2.0
/** One's houses; for operators the community's. */
import { useQuery } from '@tanstack/react-query'
import { Link, useNavigate } from '@tanstack/react-router'
import { ChevronRight, House as HouseSign, Plus, Sun, TriangleAlert, Users } from 'lucide-react'
import { useState } from 'react'
import { groupedText, parseScaled, shortHex } from '@/shared/format'
import { useMembership, useUser } from '@/shared/session'
import { Badge, Button, ButtonLink, CardSkeleton, EmptyState, PageHeader, Pagination, ProblemNotice } from '@/shared/ui'
import { Segmented } from '@/shared/ui/tabs'
import { HouseDialog } from '../HouseDialog'
import { housesQuery, type House } from '../queries'

export function HousesPage() {
  const user = useUser()
  const { organization, role, isSuperAdmin, isPending } = useMembership()
  const [whose, setWhose] = useState<'mine' | 'all'>('mine')
  const [page, setPage] = useState(1)
  const [isAdding, setAdding] = useState(false)
  const navigate = useNavigate()
  const isOperator = isSuperAdmin || role === 'operator'
  const isCommunity = organization?.kind === 'community'
  const houses = useQuery({ ...housesQuery(organization?.id ?? null, whose === 'mine' ? user.id : undefined, page), enabled: isCommunity })
  return (
    <>
      <PageHeader
        title="Houses"
        description="What your homes produce and use, and the meters that prove it."
        actions={isCommunity && <Button onClick={() => setAdding(true)}><Plus aria-hidden /> Add a house</Button>}
      />
      {isOperator && isCommunity && (
        <Segmented
          label="Whose houses"
          className="mb-5"
          options={[{ value: 'mine', label: 'Mine' }, { value: 'all', label: 'Whole community' }]}
          value={whose}
          onChange={(value) => { setWhose(value); setPage(1) }}
        />
      )}
      {isPending ? (
        <HousesSkeleton />
      ) : !isCommunity ? (
        <EmptyState icon={Users} title="You belong to no community yet" action={<ButtonLink to="/account">To your account</ButtonLink>}>
          A house belongs to a community. Its operator invites you; the invitation then waits in your account.
        </EmptyState>
      ) : houses.isPending ? (
        <HousesSkeleton />
      ) : houses.isError ? (
        <ProblemNotice error={houses.error} onRetry={() => void houses.refetch()} />
      ) : houses.data.total === 0 ? (
        <EmptyState icon={HouseSign} title="No house yet" action={<Button onClick={() => setAdding(true)}><Plus aria-hidden /> Add a house</Button>}>
          Add your home, then upload what its meter read. With a meter that is enrolled on chain it can sell and buy.
        </EmptyState>
      ) : (
        <>
          <ul className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">
            {houses.data.items.map((house) => <li key={house.id}><HouseCard house={house} isMine={house.ownerId === user.id} /></li>)}
          </ul>
          <Pagination page={page} limit={houses.data.limit} total={houses.data.total} onPage={setPage} />
        </>
      )}
      {isAdding && organization && (
        <HouseDialog
          community={organization}
          isOperator={isOperator}
          onClose={() => setAdding(false)}
          onSaved={(house) => void navigate({ to: '/houses/$houseId', params: { houseId: house.id } })}
        />
      )}
    </>
  )
}

function HouseCard({ house, isMine }: { house: House; isMine: boolean }) {
  const capacityW = parseScaled(house.capacityKw, 3) ?? 0n
  return (
    <Link
      to="/houses/$houseId"
      params={{ houseId: house.id }}
      className="group flex h-full flex-col gap-4 rounded-2xl border border-line bg-surface p-5 shadow-card transition-colors hover:border-primary/50"
    >
      <span className="flex items-start gap-3">
        <span className="grid size-11 shrink-0 place-items-center rounded-xl bg-sell/10 text-sell">
          {capacityW > 0n ? <Sun className="size-5" aria-hidden /> : <HouseSign className="size-5" aria-hidden />}
        </span>
        <span className="min-w-0 flex-1">
          <strong className="block truncate font-semibold">{house.name}</strong>
          <span className="text-sm text-muted tabular-nums">{capacityW > 0n ? `${groupedText(capacityW, 3, 2)} kW of panels` : 'No panels'}</span>
        </span>
        <ChevronRight className="mt-1 size-5 text-muted group-hover:text-primary" aria-hidden />
      </span>
      <span className="mt-auto flex flex-wrap gap-2">
        {house.meter ? <Badge tone="success">Meter …{house.meter.slice(-4)}</Badge> : <Badge tone="warning"><TriangleAlert aria-hidden /> No meter: cannot trade</Badge>}
        <Badge>{house.readingMinutes} min readings</Badge>
        {!isMine && <Badge tone="violet">Member {shortHex(house.ownerId.replaceAll('-', ''), 3)}</Badge>}
      </span>
    </Link>
  )
}

function HousesSkeleton() {
  return <div className="grid gap-4 md:grid-cols-2 xl:grid-cols-3">{Array.from({ length: 3 }, (_, place) => <CardSkeleton key={place} lines={2} />)}</div>
}
