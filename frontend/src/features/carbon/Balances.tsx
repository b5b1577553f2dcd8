// SPDX-License-Identifier: Apache-2.0
import { useQuery } from '@tanstack/react-query'
import { carbonParts, gramsOf, groupedText } from '@/shared/format'
import { useMembership } from '@/shared/session'
import { Card, Facts, Hash, Stat, Table, Td, Th } from '@/shared/ui'
import { factorQuery, type CarbonWallet } from './queries'

/** What is there: available in the foreground, what leads to it behind. */
export function Balances({ wallet }: { wallet: CarbonWallet }) {
  const available = gramsOf(wallet.availableKg)
  const pending = gramsOf(wallet.pendingKg)
  const shown = carbonParts(available)
  const whole = available + pending
  const percent = whole > 0n ? Number((available * 1000n) / whole) / 10 : 0
  return (
    <div className="grid gap-4 lg:grid-cols-[minmax(0,3fr)_minmax(0,2fr)]">
      <Card className="relative overflow-hidden">
        <span aria-hidden className="absolute -top-24 -right-16 size-72 rounded-full bg-carbon/10 blur-3xl" />
        <p className="text-sm text-muted">Available to retire or give</p>
        <p className="mt-2 text-5xl font-extrabold tracking-tight text-carbon tabular-nums" data-testid="available">
          {shown.value} <span className="text-xl font-semibold text-muted">{shown.unit} CO₂e</span>
        </p>
        <div aria-hidden className="mt-6 flex h-2.5 overflow-hidden rounded-full bg-raised">
          <span className="bg-carbon" style={{ width: `${percent}%` }} />
          <span className="bg-carbon/35" style={{ width: `${whole > 0n ? 100 - percent : 0}%` }} />
        </div>
        <div className="mt-5 grid grid-cols-2 gap-x-5 gap-y-4 sm:grid-cols-4">
          <Sum label="Pending" kg={wallet.pendingKg} note="until final and metered" />
          <Sum label="Earned" kg={wallet.earnedKg} />
          <Sum label="Retired or given" kg={wallet.spentKg} />
          <Sum label="Taken back" kg={wallet.reversedKg} note="less delivered, lost blocks" />
        </div>
      </Card>
      <FactorCard />
    </div>
  )
}

function Sum({ label, kg, note }: { label: string; kg: string; note?: string }) {
  const { value, unit } = carbonParts(gramsOf(kg))
  return <Stat label={label} value={value} unit={unit} note={note} />
}

/** What the estimate rests on. */
function FactorCard() {
  const { organization } = useMembership()
  const region = organization?.emissionRegion ?? ''
  const factor = useQuery({ ...factorQuery(region), enabled: region !== '' })
  return (
    <Card title="What this figure is" className="h-full">
      <p className="text-sm text-muted">
        An avoided-emission estimate: energy that you bought from neighbours and that meters confirmed, times a published factor of the region’s
        power plants that run less because of it.
      </p>
      {factor.data && (
        <Facts
          className="mt-4"
          items={[
            ['Factor now', `${groupedText(BigInt(factor.data.mgPerKwh), 3, 1)} g CO₂e/kWh`],
            ['Region, vintage', `${factor.data.region}, ${factor.data.vintage}`],
            ['Source', factor.data.source],
            ['Document', <Hash key="document" value={factor.data.documentHash} />],
          ]}
        />
      )}
    </Card>
  )
}

/** Balances by wallet, for people with more than one. */
export function ByWallet({ wallet }: { wallet: CarbonWallet }) {
  if (wallet.wallets.length < 2) return null
  return (
    <Card title="By wallet">
      <Table label="Balances by wallet">
        <thead><tr><Th>Wallet</Th><Th num>Available</Th><Th num>Pending</Th><Th num>Earned</Th></tr></thead>
        <tbody>
          {wallet.wallets.map((one) => (
            <tr key={one.address}>
              <Td><Hash value={one.address} /></Td>
              <Td num>{one.availableKg} kg</Td>
              <Td num>{one.pendingKg} kg</Td>
              <Td num>{one.earnedKg} kg</Td>
            </tr>
          ))}
        </tbody>
      </Table>
    </Card>
  )
}
