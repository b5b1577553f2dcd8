// SPDX-License-Identifier: Apache-2.0
import { BaseError, InsufficientFundsError, UserRejectedRequestError } from 'viem'
import { parseSiweMessage } from 'viem/siwe'
import { expect, test } from 'vitest'
import { walletProblem } from './errors'
import { siweMessage } from './siwe'
import { typedDataOf } from './typed-data'

test('the sign-in message is EIP-4361', () => {
  const fields = { origin: 'https://gridx.example:8443', address: '0xE86ac665b657146d0C8Cb16a76990d783b0ac302', chainId: 31337, nonce: 'a1b2c3d4e5', issuedAt: new Date('2026-06-01T12:00:00Z') }
  expect(parseSiweMessage(siweMessage(fields))).toMatchObject({
    domain: 'gridx.example:8443', address: fields.address, uri: fields.origin, version: '1', chainId: 31337, nonce: fields.nonce, issuedAt: fields.issuedAt,
    expirationTime: new Date('2026-06-01T12:05:00Z'),
  })
})

test.each([
  [new UserRejectedRequestError(new Error('no')), 'wallet.rejected'],
  [Object.assign(new Error('declined'), { code: 4001 }), 'wallet.rejected'],
  [new BaseError('x', { cause: Object.assign(new Error('y'), { code: -32002 }) }), 'wallet.request_open'],
  [new InsufficientFundsError(), 'wallet.no_gas'],
  [new Error('odd'), 'wallet.failed'],
])('%s is %s', (error, code) => expect(walletProblem(error).code).toBe(code))

test('typed data lose the domain’s type, which the domain implies', () => {
  const data = { domain: { name: 'GridX' }, types: { EIP712Domain: [], LinkWallet: [{ name: 'nonce', type: 'bytes32' }] }, primaryType: 'LinkWallet', message: {} }
  expect(Object.keys(typedDataOf(data).types)).toEqual(['LinkWallet'])
})
