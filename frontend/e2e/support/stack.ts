// SPDX-License-Identifier: Apache-2.0
/** What tests/web/hold.py says about the running stack, and how to command it. */
import { createConnection } from 'node:net'

export interface Person {
  name: string
  key: `0x${string}`
  address: `0x${string}`
  meter: string
  deviceKey: `0x${string}`
  houseId: string | null
  userId: string | null
}

export interface Stack {
  url: string
  rpcUrl: string
  databaseOwnerUrl: string
  chainId: number
  contract: `0x${string}`
  organizationId: string
  deliveryMinutes: number
  people: Record<'anna' | 'ben' | 'carla' | 'dora', Person>
  operator: { email: string; password: string }
  auditor: { email: string; password: string; userId: string }
  trades: string[]
  /** An island that is over. */
  islandId: string
  /** Of carbon that Ben has retired. */
  certificateId: string
  control: number
  pid: number
}

/** The stack that the global set-up has started. */
export function stackOf(): Stack {
  const told = process.env.GRIDX_E2E_STACK_JSON
  if (!told) throw new Error('no stack: run through npm run e2e')
  return JSON.parse(told) as Stack
}

/** `stop api`, `start api`, `mine 3`; resolves when it is done. */
export function command(stack: Stack, line: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = createConnection({ host: '127.0.0.1', port: stack.control }, () => socket.write(`${line}\n`))
    let said = ''
    socket.on('data', (data) => {
      said += data.toString()
      if (!said.includes('\n')) return
      socket.end()
      if (said.trim() === 'ok') resolve()
      else reject(new Error(`${line}: ${said.trim()}`))
    })
    socket.on('error', reject)
  })
}
