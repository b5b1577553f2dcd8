// SPDX-License-Identifier: Apache-2.0
/** The text that a wallet signs to sign in (EIP-4361). Pure. */
export interface SiweFields {
  origin: string
  address: string
  chainId: number
  nonce: string
  issuedAt: Date
}

export function siweMessage({ origin, address, chainId, nonce, issuedAt }: SiweFields): string {
  const expires = new Date(issuedAt.getTime() + 5 * 60_000)
  return [
    `${new URL(origin).host} wants you to sign in with your Ethereum account:`,
    address,
    '',
    'Sign in to GridX. This costs nothing and sends no transaction.',
    '',
    `URI: ${origin}`,
    'Version: 1',
    `Chain ID: ${chainId}`,
    `Nonce: ${nonce}`,
    `Issued At: ${issuedAt.toISOString()}`,
    `Expiration Time: ${expires.toISOString()}`,
  ].join('\n')
}
