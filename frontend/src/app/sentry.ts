// SPDX-License-Identifier: Apache-2.0
export { captureException, init } from '@sentry/browser'
