// SPDX-License-Identifier: Apache-2.0
import { useMutation, useQueryClient } from '@tanstack/react-query'
import { useState, type ReactNode } from 'react'
import { api, take } from '@/shared/api'
import { parseScaled, scaledText } from '@/shared/format'
import { Button, Field, Input, ProblemNotice, Select, toast } from '@/shared/ui'
import { Dialog } from '@/shared/ui/dialog'
import { TIERS } from './island'
import { ISLANDS_KEY, type CriticalLoad, type Storage } from './queries'

type Houses = ReadonlyMap<string, string>
const MAX_LOAD_W = 100_000_000n
const MAX_STORAGE_W = 1_000_000_000n
const KEEP_PPM = 900_000

function useSaving(save: () => Promise<unknown>, onClose: () => void) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: save,
    onSuccess: async () => {
      await client.invalidateQueries({ queryKey: ISLANDS_KEY })
      toast.success('Saved')
      onClose()
    },
  })
}

function Form({ title, description, saving, onSubmit, onClose, children }: {
  title: string; description: string; saving: { isPending: boolean; error: unknown }; onSubmit: () => void; onClose: () => void; children: ReactNode
}) {
  return (
    <Dialog
      open
      onOpenChange={onClose}
      title={title}
      description={description}
      footer={<><Button variant="secondary" onClick={onClose}>Cancel</Button><Button type="submit" form="equipment" busy={saving.isPending}>Save</Button></>}
    >
      <form id="equipment" noValidate className="grid gap-4 sm:grid-cols-2" onSubmit={(event) => { event.preventDefault(); onSubmit() }}>
        {saving.error !== null && <ProblemNotice error={saving.error} className="sm:col-span-2" />}
        {children}
      </form>
    </Dialog>
  )
}

/** A power in kW as whole watts; null when it is none, or outside. */
function watts(text: string, least: bigint, most: bigint): number | null {
  const found = parseScaled(text, 3)
  return found !== null && found >= least && found <= most ? Number(found) : null
}

export function LoadDialog({ load, houses, onClose }: { load: CriticalLoad | undefined; houses: Houses; onClose: () => void }) {
  const [houseId, setHouseId] = useState(load?.houseId ?? [...houses.keys()][0] ?? '')
  const [tier, setTier] = useState(String(load?.tier ?? 3))
  const [power, setPower] = useState(load ? scaledText(BigInt(load.powerW), 3) : '')
  const [note, setNote] = useState(load?.note ?? '')
  const [isShown, setShown] = useState(false)
  const powerW = watts(power, 1n, MAX_LOAD_W)
  const saving = useSaving(() => {
    const body = { houseId, tier: Number(tier) as 1 | 2 | 3, powerW: powerW ?? 0, note: note.trim() }
    return load
      ? take(api.PUT('/api/market/islands/critical-loads/{load_id}', { params: { path: { load_id: load.id } }, body }))
      : take(api.POST('/api/market/islands/critical-loads', { body }))
  }, onClose)
  const submit = () => {
    setShown(true)
    if (powerW !== null && houseId !== '') saving.mutate()
  }
  return (
    <Form title={load ? 'Change a critical load' : 'Add a critical load'} description="Power that it needs all the time." saving={saving} onSubmit={submit} onClose={onClose}>
      <HouseField houses={houses} value={houseId} disabled={load !== undefined} error={isShown && houseId === '' ? 'Choose a house.' : undefined} onChange={setHouseId} />
      <Field label="Tier">
        {(parts) => <Select {...parts} value={tier} onChange={({ target }) => setTier(target.value)}>{[1, 2, 3].map((one) => <option key={one} value={one}>{one} · {TIERS[one]?.name}</option>)}</Select>}
      </Field>
      <Field label="Power" error={isShown && powerW === null ? 'Above zero, at most 100,000 kW, three decimals.' : undefined}>
        {(parts) => <Input {...parts} value={power} onChange={({ target }) => setPower(target.value)} inputMode="decimal" unit="kW" />}
      </Field>
      <Field label="What it is" className="sm:col-span-2">
        {(parts) => <Input {...parts} value={note} maxLength={280} onChange={({ target }) => setNote(target.value)} placeholder="Oxygen concentrator" />}
      </Field>
    </Form>
  )
}

export function StorageDialog({ storage, houses, onClose }: { storage: Storage | undefined; houses: Houses; onClose: () => void }) {
  const [houseId, setHouseId] = useState(storage?.houseId ?? '')
  const [name, setName] = useState(storage?.name ?? '')
  const [capacity, setCapacity] = useState(storage?.capacityKwh ?? '')
  const [reserve, setReserve] = useState(storage?.reserveKwh ?? '0')
  const [state, setState] = useState('')
  const [charge, setCharge] = useState(storage ? scaledText(BigInt(storage.chargeW), 3) : '')
  const [discharge, setDischarge] = useState(storage ? scaledText(BigInt(storage.dischargeW), 3) : '')
  const [isShown, setShown] = useState(false)
  const powers = { charge: watts(charge, 0n, MAX_STORAGE_W), discharge: watts(discharge, 0n, MAX_STORAGE_W) }
  const problems = storageProblems({ name, capacity, reserve, state, charge: powers.charge, discharge: powers.discharge })
  const shown = isShown ? problems : {}
  const saving = useSaving(() => {
    const body = {
      houseId: houseId || null, name: name.trim(), capacityKwh: capacity, reserveKwh: reserve, stateKwh: state.trim() === '' ? null : state,
      chargeW: powers.charge ?? 0, dischargeW: powers.discharge ?? 0, efficiencyPpm: storage?.efficiencyPpm ?? KEEP_PPM,
    }
    return storage
      ? take(api.PUT('/api/market/islands/storages/{storage_id}', { params: { path: { storage_id: storage.id } }, body }))
      : take(api.POST('/api/market/islands/storages', { body }))
  }, onClose)
  const submit = () => {
    setShown(true)
    if (Object.keys(problems).length === 0) saving.mutate()
  }
  return (
    <Form title={storage ? `Change ${storage.name}` : 'Add a battery'} description="Its limits; the state of charge if it was measured." saving={saving} onSubmit={submit} onClose={onClose}>
      <Field label="Name" error={shown.name}>{(parts) => <Input {...parts} value={name} maxLength={120} onChange={({ target }) => setName(target.value)} />}</Field>
      <HouseField houses={houses} value={houseId} none="the community’s own" disabled={storage !== undefined} onChange={setHouseId} />
      <Field label="Capacity" error={shown.capacity}>{(parts) => <Input {...parts} value={capacity} onChange={({ target }) => setCapacity(target.value)} inputMode="decimal" unit="kWh" />}</Field>
      <Field label="Reserve" error={shown.reserve} hint="Kept back, whatever happens.">{(parts) => <Input {...parts} value={reserve} onChange={({ target }) => setReserve(target.value)} inputMode="decimal" unit="kWh" />}</Field>
      <Field label="Charges with at most" error={shown.charge}>{(parts) => <Input {...parts} value={charge} onChange={({ target }) => setCharge(target.value)} inputMode="decimal" unit="kW" />}</Field>
      <Field label="Gives at most" error={shown.discharge}>{(parts) => <Input {...parts} value={discharge} onChange={({ target }) => setDischarge(target.value)} inputMode="decimal" unit="kW" />}</Field>
      <Field label="Holds now" error={shown.state} hint={storage ? `Empty: stays at ${storage.stateKwh} kWh.` : 'Empty: not measured.'} className="sm:col-span-2">
        {(parts) => <Input {...parts} value={state} onChange={({ target }) => setState(target.value)} inputMode="decimal" unit="kWh" />}
      </Field>
    </Form>
  )
}

type StorageField = 'name' | 'capacity' | 'reserve' | 'state' | 'charge' | 'discharge'

function storageProblems({ name, capacity, reserve, state, charge, discharge }: {
  name: string; capacity: string; reserve: string; state: string; charge: number | null; discharge: number | null
}): Partial<Record<StorageField, string>> {
  const found: Partial<Record<StorageField, string>> = {}
  const whole = parseScaled(capacity, 3)
  const within = (text: string) => {
    const wh = parseScaled(text, 3)
    return wh !== null && wh >= 0n && (whole === null || wh <= whole)
  }
  if (name.trim() === '') found.name = 'Give it a name.'
  if (whole === null || whole <= 0n) found.capacity = 'Above zero, at most three decimals.'
  if (!within(reserve)) found.reserve = 'From 0 to the capacity.'
  if (state.trim() !== '' && !within(state)) found.state = 'From 0 to the capacity.'
  if (charge === null) found.charge = 'A power in kW, at most three decimals.'
  if (discharge === null) found.discharge = 'A power in kW, at most three decimals.'
  return found
}

function HouseField({ houses, value, none, disabled, error, onChange }: {
  houses: Houses; value: string; none?: string; disabled: boolean; error?: string | undefined; onChange: (houseId: string) => void
}) {
  return (
    <Field label="House" error={error} hint={disabled ? 'Stays.' : undefined}>
      {(parts) => (
        <Select {...parts} value={value} disabled={disabled} onChange={({ target }) => onChange(target.value)}>
          {none !== undefined && <option value="">{none}</option>}
          {[...houses].map(([id, name]) => <option key={id} value={id}>{name}</option>)}
        </Select>
      )}
    </Field>
  )
}
