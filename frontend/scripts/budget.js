// SPDX-License-Identifier: Apache-2.0
/**
 * The script that a page loads before it can be used, compressed: under 150 kB for the front page, under 180 kB for dashboard and
 * market with the frame of signed-in people. What only traders need must not be in it; what comes when the page is idle is told apart.
 */
import { readFileSync } from 'node:fs'
import { gzipSync } from 'node:zlib'

const DIST = new URL('../dist/', import.meta.url)
const FRAME = ['app/shell/SignedIn.tsx', 'features/islands/Banner.tsx']
const PAGES = [
  { name: 'front page', sources: ['features/landing/pages/LandingPage.tsx'], most: 150_000 },
  { name: 'dashboard', sources: [...FRAME, 'features/dashboard/pages/DashboardPage.tsx'], most: 180_000 },
  { name: 'market', sources: [...FRAME, 'features/market/pages/MarketPage.tsx'], most: 180_000, idle: 'features/market/pages/Desk.tsx' },
]
/** Words that only these libraries' code contains, whatever chunk it lies in. */
const NOT_AT_FIRST = { wagmi: /WagmiProvider/, viem: /ContractFunctionRevertedError/, uPlot: /u-wrap/, Sentry: /sentry_key/ }

const manifest = JSON.parse(readFileSync(new URL('.vite/manifest.json', DIST), 'utf8'))
const keyOf = (source) => Object.keys(manifest).find((key) => key.endsWith(source))
const textOf = (file) => readFileSync(new URL(file, DIST))
const sizeOf = (file) => gzipSync(textOf(file), { level: 9 }).length

/** The chunk of a source file and all that it imports at once. */
function chunksOf(key, found = new Set()) {
  if (found.has(key)) return found
  found.add(key)
  for (const next of manifest[key].imports ?? []) chunksOf(next, found)
  return found
}

const filesOf = (sources) => [...new Set(sources.flatMap((source) => [...chunksOf(keyOf(source))]))].map((key) => manifest[key].file)
const sum = (files) => files.reduce((total, file) => total + sizeOf(file), 0)

const problems = []
for (const { name, sources, most, idle } of PAGES) {
  const files = filesOf(['index.html', ...sources])
  for (const file of files) {
    console.log(`${String(sizeOf(file)).padStart(7)}  ${file}`)
    const text = textOf(file).toString()
    for (const [library, word] of Object.entries(NOT_AT_FIRST)) if (word.test(text)) problems.push(`${name}: ${file} holds ${library}, which does not belong there`)
  }
  const total = sum(files)
  console.log(`${name}: ${total} bytes of compressed script (at most ${most})`)
  if (idle) console.log(`  and when it is idle, for wallets: ${sum(filesOf([idle]).filter((file) => !files.includes(file)))} bytes`)
  if (total > most) problems.push(`${name} loads too much script`)
}
if (problems.length > 0) {
  console.error(problems.join('\n'))
  process.exit(1)
}
