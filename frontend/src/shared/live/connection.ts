// SPDX-License-Identifier: Apache-2.0
/**
 * The one WebSocket of this tab at /api/events. It opens when somebody follows a topic, goes on behind the last event
 * after a drop (`since`), and tells followers to load anew when events between are no longer kept (`resync`).
 */
import { api, take } from '@/shared/api'
import { getSession, onSession } from '@/shared/session'
import { readFrame, reconnectPause, type Frame, type LiveEvent } from './cursor'

export type Topic = 'trades' | 'book' | 'prices' | 'leaderboard' | 'alerts' | 'orders'
export type LiveStatus = 'idle' | 'connecting' | 'open' | 'dropped'

export interface Follower {
  topics: readonly Topic[]
  onEvent: (event: LiveEvent) => void
  /** Events were missed: load what is shown anew. */
  onResync: () => void
}

const GATHER_MS = 30
const SILENT_BEATS = 2.5

class Connection {
  private followers = new Set<Follower>()
  private listeners = new Set<() => void>()
  private socket: WebSocket | null = null
  private topics = ''
  private user: string | null = null
  private since: string | null = null
  private failures = 0
  private timer: ReturnType<typeof setTimeout> | undefined
  private watchdog: ReturnType<typeof setTimeout> | undefined
  private heartbeatMs = 30_000
  status: LiveStatus = 'idle'

  constructor() {
    onSession(() => {
      const user = getSession().user?.id ?? null
      if (user !== this.user && this.followers.size > 0) this.plan(GATHER_MS)
    })
    if (typeof addEventListener !== 'function') return // outside a browser
    addEventListener('online', () => {
      this.failures = 0
      if (this.socket === null && this.followers.size > 0) this.plan(0)
    })
  }

  follow(follower: Follower): () => void {
    this.followers.add(follower)
    this.plan(GATHER_MS)
    return () => {
      this.followers.delete(follower)
      if (this.followers.size === 0) this.plan(5_000) // the next page may follow the same
    }
  }

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  private show(status: LiveStatus): void {
    if (status === this.status) return
    this.status = status
    for (const listener of this.listeners) listener()
  }

  private plan(ms: number): void {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => void this.connect(), ms)
  }

  private wanted(): string {
    const all = new Set([...this.followers].flatMap((one) => one.topics))
    if (getSession().user === null) all.delete('orders')
    return [...all].sort().join(',')
  }

  private async connect(): Promise<void> {
    const topics = this.wanted()
    const user = getSession().user?.id ?? null
    if (topics === '') {
      this.drop()
      this.show('idle')
      return
    }
    if (this.socket !== null && topics === this.topics && user === this.user) return
    this.drop()
    if (user !== this.user) this.since = null
    this.topics = topics
    this.user = user
    this.show(this.failures > 0 ? 'dropped' : 'connecting')
    try {
      const url = new URL('/api/events', location.origin.replace(/^http/, 'ws'))
      url.searchParams.set('topics', topics)
      if (this.since !== null) url.searchParams.set('since', this.since)
      if (user !== null) url.searchParams.set('ticket', (await take(api.POST('/api/events/ticket'))).ticket)
      if (this.socket === null && topics === this.topics) this.open(url)
    } catch {
      this.lost()
    }
  }

  private open(url: URL): void {
    const socket = new WebSocket(url)
    this.socket = socket
    socket.onmessage = ({ data }) => {
      if (socket === this.socket && typeof data === 'string') this.receive(readFrame(data))
    }
    socket.onclose = () => {
      if (socket === this.socket) this.lost()
    }
    this.watch()
  }

  /** Silence of two and a half heartbeats is a dead connection that nobody closed. */
  private watch(): void {
    clearTimeout(this.watchdog)
    this.watchdog = setTimeout(() => this.lost(), this.heartbeatMs * SILENT_BEATS)
  }

  private receive(frame: Frame | null): void {
    this.watch()
    if (frame === null) return
    if ('id' in frame) this.since = frame.id
    if (frame.type === 'hello') {
      this.heartbeatMs = frame.heartbeatS * 1000
      const wasDropped = this.failures > 0
      this.failures = 0
      this.show('open')
      if (wasDropped) this.listeners.forEach((listener) => listener())
    } else if (frame.type === 'event') {
      for (const one of [...this.followers]) if (one.topics.includes(frame.topic as Topic)) one.onEvent(frame)
    } else if (frame.type === 'resync') {
      for (const one of [...this.followers]) if (one.topics.some((topic) => frame.topics.includes(topic))) one.onResync()
    } else if (frame.type === 'refused' && frame.code === 'live.since_malformed') {
      this.since = null
    }
  }

  private lost(): void {
    this.drop()
    this.show('dropped')
    this.plan(reconnectPause(this.failures))
    this.failures += 1
  }

  private drop(): void {
    clearTimeout(this.watchdog)
    const socket = this.socket
    this.socket = null
    socket?.close()
  }
}

export const connection = new Connection()
