// SPDX-License-Identifier: Apache-2.0
import { useEffect, useEffectEvent, useRef } from 'react'
import uPlot from 'uplot'
import 'uplot/dist/uPlot.min.css'
import { formatTime } from '@/shared/format'
import { useTheme } from '@/shared/theme'
import { cn } from './cn'

export interface Series {
  label: string
  values: readonly (number | null)[]
  /** Name of a colour token, such as `buy`. */
  color: string
  kind?: 'line' | 'area' | 'bars' | 'steps'
  dashed?: boolean
}

export interface PlotProps {
  /** Common abscissa: seconds since 1970 for times, any number for `numeric`. Ascending. */
  x: readonly number[]
  series: readonly Series[]
  summary: string
  height?: number
  numeric?: boolean
  formatX?: (value: number) => string
  formatY?: (value: number) => string
  /** Fills between two series (by their places), such as a forecast's interval. */
  bands?: readonly { upper: number; lower: number; color: string }[]
  /** Charts with the same key share their cursor. */
  syncKey?: string
}

const token = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(`--c-${name}`).trim()
const faded = (name: string, percent: number) => `color-mix(in srgb, ${token(name)} ${percent}%, transparent)`

function seriesOptions({ label, color, kind = 'line', dashed }: Series, formatY: (value: number) => string): uPlot.Series {
  const paths = kind === 'bars' ? uPlot.paths.bars?.({ size: [0.8, 40] }) : kind === 'steps' ? uPlot.paths.stepped?.({ align: 1 }) : undefined
  return {
    label,
    stroke: token(color),
    width: kind === 'bars' ? 0 : 2,
    fill: kind === 'area' || kind === 'steps' ? faded(color, 16) : kind === 'bars' ? faded(color, 70) : undefined,
    dash: dashed ? [6, 5] : undefined,
    paths,
    points: { show: false },
    value: (_plot, value: number | null) => (value === null ? '–' : formatY(value)),
  }
}

function axis(format: ((value: number) => string) | undefined, size?: number): uPlot.Axis {
  return {
    stroke: token('muted'),
    grid: { stroke: faded('line', 70), width: 1 },
    ticks: { stroke: token('line'), width: 1, size: 4 },
    font: '12px "Inter Variable", sans-serif',
    ...(size === undefined ? {} : { size }), // an undefined one would hide the axis
    values: format ? (_plot, splits) => splits.map((value) => format(value)) : undefined,
  }
}

/** Nobody points at the chart: its legend names the lines and leaves out the values. */
const rest = (plot: uPlot) => plot.root.classList.toggle('at-rest', plot.legend.idx == null)

/** uPlot's own style sheet stands outside of the layers, so that only what is important changes it. */
const LEGEND = cn(
  '[&_.uplot]:[font-family:inherit]! [&_.u-legend_th]:font-normal!',
  '[&_.at-rest_.u-series:first-child]:hidden! [&_.at-rest_.u-value]:hidden! [&_.at-rest_th]:after:hidden!',
)

export default function Plot({ x, series, height = 240, numeric = false, formatX, formatY = String, bands = [], syncKey }: PlotProps) {
  const place = useRef<HTMLDivElement>(null)
  const plot = useRef<uPlot | null>(null)
  const { theme } = useTheme()
  const shape = JSON.stringify([series.map(({ label, color, kind, dashed }) => [label, color, kind, dashed]), numeric, bands, syncKey])
  const data = [x, ...series.map((one) => one.values)] as unknown as uPlot.AlignedData
  const draw = useEffectEvent((element: HTMLElement) => {
    const showX = formatX ?? (numeric ? undefined : (seconds: number) => formatTime(seconds * 1000))
    return new uPlot(
      {
        width: element.clientWidth,
        height: height - 32,
        scales: { x: { time: !numeric } },
        series: [{ value: (_plot, value: number | null) => (value === null ? '–' : showX ? showX(value) : String(value)) }, ...series.map((one) => seriesOptions(one, formatY))],
        axes: [axis(showX), axis(formatY, 64)],
        bands: bands.map((band) => ({ series: [band.upper + 1, band.lower + 1], fill: faded(band.color, 18) })),
        cursor: { sync: syncKey ? { key: syncKey } : undefined, drag: { x: false, y: false } },
        legend: { live: true },
        hooks: { setLegend: [rest] },
      },
      data,
      element,
    )
  })
  useEffect(() => {
    const element = place.current
    if (!element) return
    const made = draw(element)
    rest(made)
    plot.current = made
    const observer = new ResizeObserver(() => made.setSize({ width: element.clientWidth, height: height - 32 }))
    observer.observe(element)
    return () => {
      observer.disconnect()
      made.destroy()
      plot.current = null
    }
  }, [shape, theme, height])
  useEffect(() => {
    plot.current?.setData(data)
  })
  return <div ref={place} className={cn('text-xs text-muted', LEGEND)} />
}
