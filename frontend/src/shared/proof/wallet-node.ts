// SPDX-License-Identifier: Apache-2.0
/** The node behind the visitor's wallet (EIP-1193, found by EIP-6963): one that GridX does not choose. */
import { NodeFailed, type ChainNode } from './anchoring'

interface Provider {
  request(call: { method: string; params: readonly unknown[] }): Promise<unknown>
}

interface Announcement extends Event {
  readonly detail: { readonly info: { readonly name: string }; readonly provider: Provider }
}

const ANSWER_MS = 200

/** The first wallet that announces itself; null without one. */
export async function walletNode(): Promise<ChainNode | null> {
  const found = await new Promise<{ name: string; provider: Provider } | null>((resolve) => {
    const injected = (window as { ethereum?: Provider }).ethereum
    const heard = (event: Event) => {
      const { info, provider } = (event as Announcement).detail
      resolve({ name: info.name, provider })
    }
    window.addEventListener('eip6963:announceProvider', heard, { once: true })
    window.dispatchEvent(new Event('eip6963:requestProvider'))
    setTimeout(() => {
      window.removeEventListener('eip6963:announceProvider', heard)
      resolve(injected ? { name: 'your wallet', provider: injected } : null)
    }, ANSWER_MS)
  })
  if (found === null) return null
  return {
    name: `the node of ${found.name}`,
    request: (method, params) =>
      found.provider.request({ method, params }).catch((error: unknown) => {
        throw new NodeFailed(`${found.name} does not answer ${method}`, { cause: error })
      }),
  }
}
