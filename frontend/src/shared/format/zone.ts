// SPDX-License-Identifier: Apache-2.0
/** Days in the calendar of a community: a day begins at its own midnight and has 23 to 25 hours. */

const parts = new Map<string, Intl.DateTimeFormat>()

function formatter(timeZone: string): Intl.DateTimeFormat {
  let found = parts.get(timeZone)
  if (found === undefined) {
    found = new Intl.DateTimeFormat('en-CA', {
      timeZone, hourCycle: 'h23', year: 'numeric', month: '2-digit', day: '2-digit',
      hour: '2-digit', minute: '2-digit', second: '2-digit',
    })
    parts.set(timeZone, found)
  }
  return found
}

/** The calendar day (`2026-06-01`) of a moment in ms since 1970. */
export function dayOf(moment: number, timeZone: string): string {
  return new Date(moment + offsetMs(moment, timeZone)).toISOString().slice(0, 10)
}

/** Ms since 1970 of the midnight at which a calendar day begins (or the first moment after it, where it is skipped). */
export function startOfDay(day: string, timeZone: string): number {
  const wall = Date.parse(`${day}T00:00:00Z`)
  const first = wall - offsetMs(wall, timeZone)
  const second = wall - offsetMs(first, timeZone)
  return dayOf(second, timeZone) < day ? Math.max(first, second + 3_600_000) : second
}

/** The calendar day that lies `days` after another. */
export function addDays(day: string, days: number): string {
  return new Date(Date.parse(`${day}T12:00:00Z`) + days * 86_400_000).toISOString().slice(0, 10)
}

function offsetMs(moment: number, timeZone: string): number {
  const told = new Map(formatter(timeZone).formatToParts(moment).map((part) => [part.type, Number(part.value)]))
  const of = (type: Intl.DateTimeFormatPartTypes) => told.get(type) ?? 0
  const wall = Date.UTC(of('year'), of('month') - 1, of('day'), of('hour'), of('minute'), of('second'))
  return wall - Math.floor(moment / 1000) * 1000
}
