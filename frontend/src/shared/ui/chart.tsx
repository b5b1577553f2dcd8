// SPDX-License-Identifier: Apache-2.0
import { lazy, Suspense } from 'react'
import type { PlotProps } from './plot'
import { cn } from './cn'
import { Skeleton } from './states'

const Plot = lazy(() => import('./plot'))

/**
 * A line, area, bar or step chart over time or another number (uPlot, loaded when first shown). `summary` says in words
 * what the picture shows: it is what screen readers get. Colours are names of tokens: `primary`, `buy`, `sell`, …
 */
export function Chart({ height = 240, className, ...rest }: PlotProps & { className?: string }) {
  return (
    <figure className={cn('min-w-0', className)}>
      <figcaption className="sr-only">{rest.summary}</figcaption>
      <div aria-hidden style={{ minHeight: height }}>
        <Suspense fallback={<Skeleton className="h-full w-full" />}>
          <Plot height={height} {...rest} />
        </Suspense>
      </div>
    </figure>
  )
}

export type { PlotProps as ChartProps, Series } from './plot'
