// SPDX-License-Identifier: Apache-2.0
/**
 * Keeps the app and the last answers of the API for the time when the server cannot be reached.
 *
 * Pages: the network, else the kept index. Files under /assets never change: kept ones first. Reads of the API: the
 * network; when it fails, the kept answer with the header X-GridX-Kept-At, by which the app says how old it is.
 */
const SHELL = 'gridx-shell-1'
const FILES = 'gridx-files-1'
const DATA = 'gridx-data-1'
const MOST_FILES = 300
const MOST_ANSWERS = 200
const NEVER_KEPT = ['/api/auth/', '/api/events', '/api/docs', '/api/openapi.json', '/api/users/me/wallets/challenge', '/api/api-keys']

self.addEventListener('install', (event) => {
  self.skipWaiting()
  event.waitUntil(caches.open(SHELL).then((cache) => cache.add('/')))
})

self.addEventListener('activate', (event) => {
  const mine = new Set([SHELL, FILES, DATA])
  const clean = caches.keys().then((names) => Promise.all(names.filter((name) => !mine.has(name)).map((name) => caches.delete(name))))
  event.waitUntil(clean.then(() => self.clients.claim()))
})

self.addEventListener('message', (event) => {
  if (event.data?.kind === 'forget') event.waitUntil(caches.delete(DATA))
})

self.addEventListener('fetch', (event) => {
  const { request } = event
  const url = new URL(request.url)
  if (request.method !== 'GET' || url.origin !== self.location.origin) return
  if (request.mode === 'navigate' && !url.pathname.startsWith('/api')) event.respondWith(page(request))
  else if (url.pathname.startsWith('/assets/')) event.respondWith(file(request))
  else if (url.pathname.startsWith('/api/') && !NEVER_KEPT.some((path) => url.pathname.startsWith(path))) event.respondWith(answer(event, url))
})

async function page(request) {
  const cache = await caches.open(SHELL)
  try {
    const response = await fetch(request)
    const path = new URL(request.url).pathname
    if (response.ok && path === '/') await cache.put('/', response.clone())
    return response.status >= 502 ? ((await cache.match('/')) ?? response) : response
  } catch (error) {
    const kept = await cache.match('/')
    if (kept) return kept
    throw error
  }
}

async function file(request) {
  const cache = await caches.open(FILES)
  const kept = await cache.match(request)
  if (kept) return kept
  const response = await fetch(request)
  if (response.ok) await keep(cache, request, response.clone(), MOST_FILES)
  return response
}

/** Answers differ by who asks and for which organisation, so both belong to the key. */
function keyOf(request, url) {
  const key = new URL(url)
  key.searchParams.set('_as', request.headers.has('Authorization') ? 'me' : 'anybody')
  key.searchParams.set('_org', request.headers.get('X-Org-Id') ?? '')
  return key.href
}

async function answer(event, url) {
  const key = keyOf(event.request, url)
  let response = null
  let failure = null
  try {
    response = await fetch(event.request)
  } catch (error) {
    failure = error
  }
  const unreachable = response === null || response.status === 502 || response.status === 504
  if (!unreachable) {
    const isJson = response.headers.get('Content-Type')?.startsWith('application/json')
    if (response.ok && isJson) event.waitUntil(keepAnswer(key, response.clone()))
    return response
  }
  const kept = await (await caches.open(DATA)).match(key)
  if (kept) return kept
  if (response !== null) return response
  throw failure
}

async function keepAnswer(key, response) {
  const headers = new Headers(response.headers)
  headers.set('X-GridX-Kept-At', new Date().toISOString())
  headers.delete('Content-Encoding')
  headers.delete('Content-Length')
  const body = await response.blob()
  await keep(await caches.open(DATA), key, new Response(body, { status: 200, headers }), MOST_ANSWERS)
}

/** The oldest go first when there are too many. */
async function keep(cache, key, response, most) {
  await cache.put(key, response)
  const keys = await cache.keys()
  for (const old of keys.slice(0, Math.max(0, keys.length - most))) await cache.delete(old)
}
