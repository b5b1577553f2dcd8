// SPDX-License-Identifier: Apache-2.0

/** The text fields of a form by name; a field that is not there is empty. */
export function entries(form: HTMLFormElement): Record<string, string> & { email: string; password: string; name: string } {
  const found: Record<string, string> = {}
  for (const [name, value] of new FormData(form)) if (typeof value === 'string') found[name] = value
  return { email: '', password: '', name: '', ...found }
}
