// SPDX-License-Identifier: Apache-2.0
export { type LiveStatus, type Topic } from './connection'
export { type LiveEvent } from './cursor'
export { useLive, useLiveInvalidation, useLiveStatus } from './useLive'
