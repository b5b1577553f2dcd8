// SPDX-License-Identifier: Apache-2.0
/**
 * `npm run lock`: writes package-lock.json, then takes out of it the optional packages of other platforms that the registry in
 * use does not hold; `npm ci` would refuse a lock file that names them without a version.
 */
import { readFileSync, writeFileSync } from 'node:fs'

const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8'))

const isLocked = (from, name) => {
  for (let place = from; ; place = place.slice(0, Math.max(0, place.lastIndexOf('node_modules/') - 1))) {
    if (lock.packages[`${place ? `${place}/` : ''}node_modules/${name}`]) return true
    if (place === '') return false
  }
}

for (const [place, entry] of Object.entries(lock.packages)) {
  delete entry.resolved
  if (!entry.optionalDependencies) continue
  const wanted = Object.entries(entry.optionalDependencies)
  entry.optionalDependencies = Object.fromEntries(wanted.filter(([name]) => isLocked(place, name)))
  for (const [name] of wanted) if (!isLocked(place, name)) console.log(`without ${name}`)
}
writeFileSync(file, `${JSON.stringify(lock, null, 2)}\n`)
