// SPDX-License-Identifier: Apache-2.0
import { formatDateTime } from '@/shared/format'
import { cn } from '@/shared/ui'
import { qualities, qualityOf, type Bucket, type Quality as Grade } from './series'

const LOOKS: Record<Grade, { words: string; meaning: string; color: string }> = {
  signed: { words: 'signed by the meter', meaning: 'can earn carbon', color: 'bg-success' },
  operator: { words: 'vouched for by the community', meaning: 'fetched by its operator', color: 'bg-info' },
  declared: { words: 'declared by the owner', meaning: 'shown, backs nothing', color: 'bg-warning' },
  partial: { words: 'partly known', meaning: 'some readings are missing', color: 'bg-violet' },
  missing: { words: 'missing', meaning: 'unknown, not zero', color: 'bg-line' },
}
const GRADES: readonly Grade[] = ['signed', 'operator', 'declared', 'partial', 'missing']

/** How far each interval of the chart above can be relied on: a strip in the order of time, and a legend with counts. */
export function Quality({ buckets, timeZone }: { buckets: readonly Bucket[]; timeZone: string }) {
  const sorted = [...buckets].sort((one, other) => Date.parse(one.start) - Date.parse(other.start))
  const counts = qualities(buckets)
  const present = GRADES.filter((grade) => counts[grade] > 0)
  return (
    <section aria-label="Quality of the readings" className="mt-4">
      <div aria-hidden className="flex h-2.5 gap-px overflow-hidden rounded-full">
        {sorted.map((bucket) => {
          const grade = qualityOf(bucket)
          return <span key={bucket.start} className={cn('min-w-0 flex-1', LOOKS[grade].color)} title={`${formatDateTime(bucket.start, timeZone)}: ${LOOKS[grade].words}`} />
        })}
      </div>
      <ul className="mt-2.5 flex flex-wrap gap-x-5 gap-y-1.5 text-xs text-muted">
        {present.map((grade) => (
          <li key={grade} className="flex items-center gap-1.5">
            <span aria-hidden className={cn('size-2.5 rounded-sm', LOOKS[grade].color)} />
            <span><strong className="font-medium text-fg tabular-nums">{counts[grade]}</strong> {LOOKS[grade].words} <span className="hidden sm:inline">({LOOKS[grade].meaning})</span></span>
          </li>
        ))}
      </ul>
    </section>
  )
}
