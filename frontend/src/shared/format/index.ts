// SPDX-License-Identifier: Apache-2.0
export * from './amounts'
export * from './names'
export * from './times'
export * from './zone'
