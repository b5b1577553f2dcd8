// SPDX-License-Identifier: Apache-2.0
/** What the worst day needs to know beforehand: critical loads by tier, and batteries. Operators keep both. */
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { BatteryCharging, HeartPulse, Pencil, Plus, Trash2 } from 'lucide-react'
import { useState, type ReactNode } from 'react'
import { api, takeNothing } from '@/shared/api'
import { energyParts, groupedText, whOf } from '@/shared/format'
import type { Organization } from '@/shared/session'
import { Badge, Button, Card, EmptyState, ProblemNotice, Skeleton, toast } from '@/shared/ui'
import { LoadDialog, StorageDialog } from './EquipmentDialogs'
import { coveredPercent, TIERS } from './island'
import { criticalLoadsQuery, houseNamesQuery, ISLANDS_KEY, storagesQuery, type CriticalLoad, type Storage } from './queries'

interface Props {
  community: Organization
  isOperator: boolean
}

export function Equipment(props: Props) {
  return (
    <div className="grid items-start gap-4 lg:grid-cols-2">
      <CriticalLoads {...props} />
      <Storages {...props} />
    </div>
  )
}

function useRemoval(remove: (id: string) => Promise<void>) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: remove,
    onSuccess: () => client.invalidateQueries({ queryKey: ISLANDS_KEY }),
    onError: (problem) => toast.problem(problem),
  })
}

function CriticalLoads({ community, isOperator }: Props) {
  const loads = useQuery(criticalLoadsQuery(community.id))
  const names = useQuery(houseNamesQuery(community.id))
  const [editing, setEditing] = useState<CriticalLoad | 'new' | null>(null)
  const removal = useRemoval((id) => takeNothing(api.DELETE('/api/market/islands/critical-loads/{load_id}', { params: { path: { load_id: id } } })))
  const items = (loads.data?.items ?? []).toSorted((one, other) => one.tier - other.tier)
  return (
    <Card
      title="Critical loads"
      description={isOperator ? 'Served before everything else, by tier.' : 'Of your houses; operators register them.'}
      actions={isOperator && <Button variant="secondary" size="sm" onClick={() => setEditing('new')}><Plus aria-hidden /> Add</Button>}
    >
      <Listed query={loads} isEmpty={items.length === 0} empty={<EmptyState icon={HeartPulse} title="No critical load">Hospitals, shelters and medical devices at home belong here before anything happens.</EmptyState>}>
        {items.map((load) => (
          <Row
            key={load.id}
            sign={<span className="grid size-9 place-items-center rounded-xl bg-danger/10 text-sm font-bold text-danger">{load.tier}</span>}
            title={load.note || (TIERS[load.tier]?.name ?? '')}
            text={<>{names.data?.get(load.houseId) ?? 'House'} · {TIERS[load.tier]?.name}</>}
            figure={`${groupedText(BigInt(load.powerW), 3, 2)} kW`}
            isOperator={isOperator}
            onChange={() => setEditing(load)}
            onRemove={() => removal.mutate(load.id)}
          />
        ))}
      </Listed>
      {editing !== null && <LoadDialog load={editing === 'new' ? undefined : editing} houses={names.data ?? new Map<string, string>()} onClose={() => setEditing(null)} />}
    </Card>
  )
}

function Storages({ community, isOperator }: Props) {
  const storages = useQuery(storagesQuery(community.id))
  const names = useQuery(houseNamesQuery(community.id))
  const [editing, setEditing] = useState<Storage | 'new' | null>(null)
  const removal = useRemoval((id) => takeNothing(api.DELETE('/api/market/islands/storages/{storage_id}', { params: { path: { storage_id: id } } })))
  const items = storages.data?.items ?? []
  return (
    <Card
      title="Batteries"
      description="What they hold is shared out on an island; never below the reserve."
      actions={isOperator && <Button variant="secondary" size="sm" onClick={() => setEditing('new')}><Plus aria-hidden /> Add</Button>}
    >
      <Listed query={storages} isEmpty={items.length === 0} empty={<EmptyState icon={BatteryCharging} title="No battery">With a battery, what the sun gives at noon lasts into the night.</EmptyState>}>
        {items.map((one) => {
          const capacity = energyParts(whOf(one.capacityKwh))
          const percent = coveredPercent(whOf(one.stateKwh), whOf(one.capacityKwh))
          return (
            <Row
              key={one.id}
              sign={<span className="grid size-9 place-items-center rounded-xl bg-primary/10 text-primary"><BatteryCharging className="size-5" aria-hidden /></span>}
              title={one.name}
              text={<>{one.houseId ? (names.data?.get(one.houseId) ?? 'House') : 'The community’s own'} · <Badge tone={percent < 20 ? 'warning' : 'success'}>{percent} % full</Badge></>}
              figure={`${capacity.value} ${capacity.unit}`}
              isOperator={isOperator}
              onChange={() => setEditing(one)}
              onRemove={() => removal.mutate(one.id)}
            />
          )
        })}
      </Listed>
      {editing !== null && <StorageDialog storage={editing === 'new' ? undefined : editing} houses={names.data ?? new Map<string, string>()} onClose={() => setEditing(null)} />}
    </Card>
  )
}

function Listed({ query, isEmpty, empty, children }: {
  query: { isPending: boolean; error: Error | null; refetch: () => unknown }; isEmpty: boolean; empty: ReactNode; children: ReactNode
}) {
  if (query.isPending) return <div className="space-y-4"><Skeleton className="h-9" /><Skeleton className="h-9" /></div>
  if (query.error) return <ProblemNotice error={query.error} onRetry={() => query.refetch()} />
  return isEmpty ? empty : <ul className="-my-2 divide-y divide-line/60">{children}</ul>
}

function Row({ sign, title, text, figure, isOperator, onChange, onRemove }: {
  sign: ReactNode; title: string; text: ReactNode; figure: string; isOperator: boolean; onChange: () => void; onRemove: () => void
}) {
  return (
    <li className="flex items-center gap-3 py-3">
      <span className="shrink-0">{sign}</span>
      <span className="min-w-0 flex-1">
        <strong className="block truncate text-sm font-medium">{title}</strong>
        <span className="flex flex-wrap items-center gap-1 text-xs text-muted">{text}</span>
      </span>
      <span className="text-sm font-semibold whitespace-nowrap tabular-nums">{figure}</span>
      {isOperator && (
        <span className="flex shrink-0">
          <Button variant="ghost" size="icon" aria-label={`Change ${title}`} onClick={onChange}><Pencil aria-hidden /></Button>
          <Button variant="ghost" size="icon" aria-label={`Remove ${title}`} onClick={onRemove}><Trash2 aria-hidden /></Button>
        </span>
      )}
    </li>
  )
}
