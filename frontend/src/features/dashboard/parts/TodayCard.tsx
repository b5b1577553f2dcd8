// SPDX-License-Identifier: Apache-2.0
import { ButtonLink, Card, Chart, EmptyState } from '@/shared/ui'
import { formatEnergy, formatTime } from '@/shared/format'
import { House } from 'lucide-react'
import type { Day } from '../logic/today'

/** Production and consumption of the day, hour by hour. */
export function TodayCard({ day, houses }: { day: Day; houses: number }) {
  return (
    <Card title="Today" description={day.until ? `Readings until ${formatTime(day.until)}` : 'Production and consumption, hour by hour'}>
      {day.until === null ? (
        <EmptyState
          icon={House}
          title={houses === 0 ? 'You have no house here yet' : 'No readings today yet'}
          action={<ButtonLink to="/houses">{houses === 0 ? 'Add a house' : 'Upload readings'}</ButtonLink>}
        >
          {houses === 0 ? 'Add your house and its meter to see your day and to trade.' : 'They appear as soon as your meter or you send them.'}
        </EmptyState>
      ) : (
        <Chart
          height={260}
          x={day.starts}
          series={[
            { label: 'Production, kWh', color: 'sell', kind: 'area', values: day.production },
            { label: 'Consumption, kWh', color: 'buy', kind: 'area', values: day.consumption },
          ]}
          formatY={(kwh) => kwh.toLocaleString('en', { maximumFractionDigits: 2 })}
          summary={`Today until ${formatTime(day.until)}: ${day.producedWh === null ? 'production unknown' : `${formatEnergy(day.producedWh)} produced`}, ${day.consumedWh === null ? 'consumption unknown' : `${formatEnergy(day.consumedWh)} used`}.`}
        />
      )}
    </Card>
  )
}
