// SPDX-License-Identifier: Apache-2.0
/** The script that the first page loads, compressed, must stay under 150 kB; what only traders need must not be in it. */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const DIST = new URL('../dist/', import.meta.url)
const BUDGET_BYTES = 150_000
const NOT_AT_FIRST = [/wagmi/i, /viem/i, /uplot/i, /sentry/i]

const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST), 'utf8'))

/** The chunk of a source file and all that it imports at once. */
function chunksOf(key, found = new Set()) {
  if (found.has(key)) return found
  found.add(key)
  for (const next of manifest[key].imports ?? []) chunksOf(next, found)
  return found
}

const landing = Object.keys(manifest).find((key) => key.endsWith('features/landing/pages/LandingPage.tsx'))
const chunks = new Set([...chunksOf('index.html'), ...chunksOf(landing)])
let total = 0
const problems = []
for (const key of chunks) {
  const { file, src = '', name = '' } = manifest[key]
  const size = gzipSync(readFileSync(new URL(file, DIST)), { level: 9 }).length
  total += size
  console.log(`${String(size).padStart(7)}  ${file}`)
  for (const pattern of NOT_AT_FIRST) if (pattern.test(`${key} ${src} ${name}`)) problems.push(`${file} does not belong to the first page`)
}
console.log(`first page: ${total} bytes of compressed script (at most ${BUDGET_BYTES})`)
if (total > BUDGET_BYTES) problems.push('the first page loads too much script')
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
