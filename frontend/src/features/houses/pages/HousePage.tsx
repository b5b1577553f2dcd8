// SPDX-License-Identifier: Apache-2.0
/** One house: readings as a chart with their quality, upload, what is said about it. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { getRouteApi, Link } from '@tanstack/react-router'
import { ArrowLeft, HousePlus, Pencil, Trash2 } from 'lucide-react'
import { useState } from 'react'
import { api, ApiProblem, takeNothing } from '@/shared/api'
import { formatDate, groupedText, parseScaled } from '@/shared/format'
import { useMembership } from '@/shared/session'
import { Badge, Button, ButtonLink, Card, CardSkeleton, EmptyState, Facts, Hash, PageHeader, PageSkeleton, ProblemNotice, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { Corrections } from '../Corrections'
import { HouseDialog } from '../HouseDialog'
import { HOUSES_KEY, houseQuery, type House } from '../queries'
import { ReadingsCard } from '../ReadingsCard'
import { UploadCard } from '../UploadCard'

const route = getRouteApi('/houses/$houseId')

export function HousePage() {
  const { houseId } = route.useParams()
  const house = useQuery(houseQuery(houseId))
  const { all, role, isSuperAdmin, isPending } = useMembership()
  if (house.isPending || isPending) return <PageSkeleton />
  if (house.isError) {
    if (!(house.error instanceof ApiProblem) || house.error.code !== 'sites.house_not_found') return <ProblemNotice error={house.error} onRetry={() => void house.refetch()} />
    return (
      <EmptyState icon={HousePlus} title="There is no such house" action={<ButtonLink to="/houses">To your houses</ButtonLink>}>
        It was removed, or it belongs to somebody else.
      </EmptyState>
    )
  }
  const community = all.find(({ organization }) => organization.id === house.data.orgId)?.organization
  const timeZone = community?.timeZone ?? 'UTC'
  const isOperator = isSuperAdmin || role === 'operator'
  return (
    <>
      <Link to="/houses" className="mb-3 inline-flex min-h-9 items-center gap-1.5 text-sm text-muted hover:text-fg"><ArrowLeft className="size-4" aria-hidden /> Houses</Link>
      <Heading house={house.data} isOperator={isOperator} community={community} />
      <div className="space-y-4">
        <ReadingsCard house={house.data} timeZone={timeZone} />
        <div className="grid items-start gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
          <UploadCard house={house.data} isOperator={isOperator} />
          {community ? <About house={house.data} timeZone={timeZone} /> : <CardSkeleton />}
        </div>
        <Corrections houseId={house.data.id} timeZone={timeZone} />
      </div>
    </>
  )
}

function Heading({ house, isOperator, community }: { house: House; isOperator: boolean; community: Parameters<typeof HouseDialog>[0]['community'] | undefined }) {
  const [open, setOpen] = useState<'edit' | 'delete' | null>(null)
  const close = () => setOpen(null)
  return (
    <>
      <PageHeader
        title={house.name}
        description={house.meter ? 'Its meter is enrolled on chain: it can sell and buy.' : 'It has no meter yet: readings are shown, trading needs a meter on chain.'}
        actions={
          <>
            <Button variant="secondary" onClick={() => setOpen('edit')} disabled={community === undefined}><Pencil aria-hidden /> Change</Button>
            <Button variant="ghost" onClick={() => setOpen('delete')}><Trash2 aria-hidden /> Remove</Button>
          </>
        }
      />
      {open === 'edit' && community && <HouseDialog community={community} house={house} isOperator={isOperator} onClose={close} />}
      {open === 'delete' && <RemoveDialog house={house} onClose={close} />}
    </>
  )
}

function RemoveDialog({ house, onClose }: { house: House; onClose: () => void }) {
  const client = useQueryClient()
  const navigate = route.useNavigate()
  const remove = useMutation({
    mutationFn: () => takeNothing(api.DELETE('/api/houses/{house_id}', { params: { path: { house_id: house.id } } })),
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: HOUSES_KEY })
      toast.success(`${house.name} was removed`)
      await navigate({ to: '/houses' })
    },
  })
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={`Remove ${house.name}?`}
      description="It leaves your list and can no longer trade. Its readings are kept, because credited energy rests on them; a house with readings keeps its meter’s name."
      footer={
        <>
          <Button variant="secondary" onClick={onClose}>Keep it</Button>
          <Button variant="danger" busy={remove.isPending} onClick={() => remove.mutate()}>Remove the house</Button>
        </>
      }
    >
      {remove.isError && <ProblemNotice error={remove.error} />}
    </Dialog>
  )
}

function About({ house, timeZone }: { house: House; timeZone: string }) {
  const capacityW = parseScaled(house.capacityKw, 3) ?? 0n
  return (
    <Card title="About this house">
      <Facts
        items={[
          ['Panels', capacityW > 0n ? `${groupedText(capacityW, 3, 2)} kW` : 'none'],
          ['Meter', house.meter ? <Hash key="meter" value={house.meter} kept={6} /> : <Badge key="none" tone="warning">none yet</Badge>],
          ['Meter’s signing key', house.deviceKey ? <Hash key="key" value={house.deviceKey} /> : 'as the chain says'],
          ['Readings', `every ${house.readingMinutes} minutes`],
          ['Position', `${house.latitude}°, ${house.longitude}°`],
          ['Grid zone', house.zone || '–'],
          ['Added', formatDate(house.createdAt, timeZone)],
        ]}
      />
    </Card>
  )
}
