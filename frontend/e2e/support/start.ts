// SPDX-License-Identifier: Apache-2.0
/** Starts the stack once for all tests; GRIDX_E2E_STACK names a file of one that runs already (tests/web/hold.py > FILE). */
import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { CHROMIUM } from './browser'

const ROOT = resolve(import.meta.dirname, '../../..')
const START_MS = 240_000

export default async function start(): Promise<() => Promise<void>> {
  if (!existsSync(CHROMIUM)) throw new Error(`${CHROMIUM} is missing: apt-get install chromium, or name a Chromium in GRIDX_CHROMIUM`)
  if (!existsSync(resolve(ROOT, 'frontend/dist/index.html'))) throw new Error('the web app is not built: npm run build')
  const running = process.env.GRIDX_E2E_STACK
  if (running) {
    process.env.GRIDX_E2E_STACK_JSON = readFileSync(running, 'utf8').split('\n')[0]
    return () => Promise.resolve()
  }
  const child = spawn(resolve(ROOT, '.venv/bin/python'), ['-m', 'tests.web.hold'], { cwd: ROOT, env: { ...process.env, PYTHONPATH: ROOT }, stdio: ['ignore', 'pipe', 'pipe'] })
  let said = ''
  child.stderr.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-8_000)))
  const ended = new Promise<void>((done) => child.once('exit', () => done()))
  const line = await new Promise<string>((done, fail) => {
    const timer = setTimeout(() => fail(new Error(`the stack was not up after ${START_MS / 1000} s:\n${said}`)), START_MS)
    createInterface({ input: child.stdout }).once('line', (first) => {
      clearTimeout(timer)
      done(first)
    })
    child.once('exit', (code) => {
      clearTimeout(timer)
      fail(new Error(`the stack ended with status ${code ?? 'none'}:\n${said}`))
    })
  }).catch((problem: unknown) => {
    child.kill('SIGTERM')
    throw problem
  })
  process.env.GRIDX_E2E_STACK_JSON = line
  return async () => {
    child.kill('SIGTERM')
    await ended
  }
}
