// SPDX-License-Identifier: Apache-2.0
export { chainOf, walletConfig } from './config'
export { walletProblem } from './errors'
export { WalletScope } from './scope'
export { siweMessage } from './siwe'
export { typedDataOf } from './typed-data'
export { useWallet, type Wallet } from './useWallet'
export { ChainGate, ConnectWallet, WrongChain } from './connect'
