// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { LocateFixed } from 'lucide-react'
import { useState } from 'react'
import { api, take } from '@/shared/api'
import { shortHex } from '@/shared/format'
import type { Organization } from '@/shared/session'
import { Button, Field, Input, ProblemNotice, Select, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { bodyOf, draftOf, EMPTY, problemsOf, readingLengths, type Draft } from './house-form'
import { HOUSES_KEY, houseQuery, metersQuery, type House } from './queries'

const OTHER = 'other'

interface Props {
  community: Organization
  /** The house to change; left out: a new one. */
  house?: House
  isOperator: boolean
  onClose: () => void
  onSaved?: (house: House) => void
}

/** Add a house, or change what is said about one. */
export function HouseDialog({ community, house, isOperator, onClose, onSaved }: Props) {
  const client = useQueryClient()
  const [draft, setDraft] = useState<Draft>(house ? draftOf(house) : EMPTY)
  const [isShown, setShown] = useState(false)
  const problems = isShown ? problemsOf(draft) : {}
  const save = useMutation({
    mutationFn: () => {
      const body = bodyOf(draft)
      return house
        ? take(api.PUT('/api/houses/{house_id}', { params: { path: { house_id: house.id } }, body }))
        : take(api.POST('/api/houses', { body }))
    },
    onSuccess: async (saved) => {
      client.setQueryData(houseQuery(saved.id).queryKey, saved)
      await client.invalidateQueries({ queryKey: HOUSES_KEY })
      toast.success(house ? `${saved.name} was changed` : `${saved.name} was added`)
      onSaved?.(saved)
      onClose()
    },
  })
  const set = (name: keyof Draft) => (event: { target: { value: string } }) => setDraft((now) => ({ ...now, [name]: event.target.value }))
  const submit = () => {
    setShown(true)
    if (Object.keys(problemsOf(draft)).length === 0) save.mutate()
  }
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={house ? `Change ${house.name}` : 'Add a house'}
      description={`In ${community.name}. Only you and the community’s operators see it.`}
      footer={
        <>
          <Button variant="secondary" onClick={onClose}>Cancel</Button>
          <Button type="submit" form="house" busy={save.isPending}>{house ? 'Save' : 'Add house'}</Button>
        </>
      }
    >
      <form id="house" noValidate className="grid gap-4 sm:grid-cols-2" onSubmit={(event) => { event.preventDefault(); submit() }}>
        {save.isError && <ProblemNotice error={save.error} className="sm:col-span-2" />}
        <Field label="Name" error={problems.name} className="sm:col-span-2">
          {(parts) => <Input {...parts} value={draft.name} onChange={set('name')} placeholder="Blue door, Solar Street 7" autoComplete="off" />}
        </Field>
        <Field label="Panels deliver at most" error={problems.capacityKw} hint="Readings above it are refused; 0 without panels.">
          {(parts) => <Input {...parts} value={draft.capacityKw} onChange={set('capacityKw')} inputMode="decimal" unit="kW" />}
        </Field>
        <Field label="Connection carries" error={problems.connectionKw} hint="Orders stay below it; 17.25 kW for bids until told.">
          {(parts) => <Input {...parts} value={draft.connectionKw} onChange={set('connectionKw')} inputMode="decimal" unit="kW" />}
        </Field>
        <Position draft={draft} problems={problems} onChange={(change) => setDraft((now) => ({ ...now, ...change }))} />
        <MeterField community={community} house={house} isOperator={isOperator} draft={draft} error={problems.meter} onChange={(meter) => setDraft((now) => ({ ...now, meter }))} />
        <Field label="Length of a reading" hint="Stays once there are readings." className="sm:col-span-2">
          {(parts) => (
            <Select {...parts} value={draft.readingMinutes} onChange={set('readingMinutes')}>
              {!house && <option value="">as the market: {community.deliveryMinutes ?? 15} minutes</option>}
              {readingLengths(community.deliveryMinutes ?? 60).map((minutes) => <option key={minutes} value={minutes}>{minutes} minutes</option>)}
            </Select>
          )}
        </Field>
      </form>
    </Dialog>
  )
}

function Position({ draft, problems, onChange }: {
  draft: Draft; problems: Partial<Record<keyof Draft, string>>; onChange: (change: Partial<Draft>) => void
}) {
  const [failed, setFailed] = useState(false)
  const locate = () => {
    setFailed(false)
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => onChange({ latitude: coords.latitude.toFixed(4), longitude: coords.longitude.toFixed(4) }),
      () => setFailed(true),
      { timeout: 10_000 },
    )
  }
  return (
    <>
      <Field label="Latitude" error={problems.latitude}>
        {(parts) => <Input {...parts} value={draft.latitude} onChange={(event) => onChange({ latitude: event.target.value })} inputMode="decimal" unit="° north" />}
      </Field>
      <Field label="Longitude" error={problems.longitude}>
        {(parts) => <Input {...parts} value={draft.longitude} onChange={(event) => onChange({ longitude: event.target.value })} inputMode="decimal" unit="° east" />}
      </Field>
      <div className="-mt-2 flex flex-wrap items-center gap-3 sm:col-span-2">
        <Button variant="secondary" size="sm" onClick={locate}><LocateFixed aria-hidden /> Where I am now</Button>
        <p className="text-xs text-muted" role="status">{failed ? 'Your device did not tell its position; type it.' : 'For solar forecasts; four decimals are about ten metres.'}</p>
      </div>
    </>
  )
}

/** The meters that the chain enrolled for one's wallet; operators may name any. */
function MeterField({ community, house, isOperator, draft, error, onChange }: {
  community: Organization; house: House | undefined; isOperator: boolean; draft: Draft; error: string | undefined; onChange: (meter: string) => void
}) {
  const meters = useQuery(metersQuery(community.id))
  const free = (meters.data ?? []).filter((one) => one.houseId === null || one.houseId === house?.id)
  const isListed = draft.meter === '' || free.some((one) => one.meter === draft.meter)
  const [isTyped, setTyped] = useState(false)
  const typing = isTyped || (!isListed && !meters.isPending)
  const hint = meters.isError
    ? 'The list of your meters cannot be read now; you can add the meter later.'
    : free.length === 0 && !meters.isPending
      ? 'The chain names no free meter for your wallet yet: the community’s registrar enrols it. You can add the house now and the meter later.'
      : 'Without a meter on chain a house can show readings, but not trade.'
  return (
    <>
      <Field label="Meter" hint={hint} className="sm:col-span-2" error={typing ? undefined : error}>
        {(parts) => (
          <Select {...parts} value={typing ? OTHER : draft.meter} onChange={({ target }) => { setTyped(target.value === OTHER); onChange(target.value === OTHER ? '' : target.value) }}>
            <option value="">none yet</option>
            {free.map((one) => <option key={one.meter} value={one.meter}>{one.meter} · {shortHex(one.ownerAddress)}{one.deviceKey ? ' · signs its readings' : ''}</option>)}
            {(isOperator || typing) && <option value={OTHER}>another one …</option>}
          </Select>
        )}
      </Field>
      {typing && (
        <Field label="Reference of the meter" error={error} className="sm:col-span-2">
          {(parts) => <Input {...parts} value={draft.meter} onChange={(event) => onChange(event.target.value.trim())} inputMode="numeric" className="font-mono" />}
        </Field>
      )}
    </>
  )
}
