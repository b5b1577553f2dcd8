// SPDX-License-Identifier: Apache-2.0
/** Errors of this page go to Sentry when the settings name it; its script is loaded only then. */
import { loadConfig } from '@/shared/config'
import { whenIdle } from '@/shared/idle'

const early: unknown[] = []
let send = (error: unknown): void => {
  if (early.length < 20) early.push(error)
}

export const reportError = (error: unknown): void => send(error)

/** Listen from the start; ask for the settings once the page is idle. */
export function reportErrors(): void {
  addEventListener('error', (event) => send(event.error))
  addEventListener('unhandledrejection', (event) => send(event.reason))
  void whenIdle(5_000).then(() =>
    loadConfig()
      .then(async ({ sentryDsn, version }) => {
        if (sentryDsn === null) {
          send = () => undefined
          return
        }
        const { captureException, init } = await import('./sentry')
        init({ dsn: sentryDsn, release: version })
        send = (error) => void captureException(error)
        early.splice(0).forEach(send)
      })
      .catch(() => undefined),
  )
}
