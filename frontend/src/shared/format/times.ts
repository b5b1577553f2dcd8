// SPDX-License-Identifier: Apache-2.0
/** Times for people, in their own zone unless one is named. */
type When = string | number | Date

const formats = new Map<string, Intl.DateTimeFormat>()

function format(options: Intl.DateTimeFormatOptions, at: When): string {
  const key = JSON.stringify(options)
  let made = formats.get(key)
  if (!made) {
    made = new Intl.DateTimeFormat('en-GB', options)
    formats.set(key, made)
  }
  return made.format(new Date(at))
}

export const formatTime = (at: When, timeZone?: string): string => format({ hour: '2-digit', minute: '2-digit', timeZone }, at)
export const formatDate = (at: When, timeZone?: string): string => format({ day: 'numeric', month: 'short', year: 'numeric', timeZone }, at)
export const formatDateTime = (at: When, timeZone?: string): string =>
  format({ day: 'numeric', month: 'short', year: 'numeric', hour: '2-digit', minute: '2-digit', timeZone }, at)

/** `14:00–14:15`, with its day unless it is today's. */
export function formatInterval(start: When, minutes: number, timeZone?: string, now: Date = new Date()): string {
  const { day, hours } = intervalParts(start, minutes, timeZone, now)
  return day === null ? hours : `${day}, ${hours}`
}

/** The same in two parts; `day` is null today. */
export function intervalParts(start: When, minutes: number, timeZone?: string, now: Date = new Date()): { day: string | null; hours: string } {
  const begin = new Date(start)
  const end = new Date(begin.getTime() + minutes * 60_000)
  const dayOf = (at: When) => format({ day: 'numeric', month: 'short', timeZone }, at)
  const day = dayOf(begin)
  return { day: day === dayOf(now) ? null : day, hours: `${formatTime(begin, timeZone)}–${formatTime(end, timeZone)}` }
}

const relative = new Intl.RelativeTimeFormat('en', { numeric: 'auto' })
const STEPS: [Intl.RelativeTimeFormatUnit, number][] = [['day', 86_400], ['hour', 3600], ['minute', 60]]

/** `3 minutes ago`, `in 2 hours`, `just now`. */
export function formatAgo(at: When, now: Date = new Date()): string {
  const seconds = (new Date(at).getTime() - now.getTime()) / 1000
  for (const [unit, size] of STEPS) if (Math.abs(seconds) >= size) return relative.format(Math.trunc(seconds / size), unit)
  return Math.abs(seconds) < 10 ? 'just now' : relative.format(Math.trunc(seconds), 'second')
}
