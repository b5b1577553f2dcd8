// SPDX-License-Identifier: Apache-2.0
/**
 * A drawing: homes of a street that feed each other. It says nothing that the text does not say. The lines light up by
 * opacity alone: a dash that runs along them costs the page's own thread every frame.
 */

const HOMES: readonly { x: number; y: number; lit: boolean }[] = [
  { x: 60, y: 86, lit: true }, { x: 176, y: 48, lit: false }, { x: 300, y: 84, lit: true },
  { x: 92, y: 206, lit: false }, { x: 214, y: 176, lit: true }, { x: 338, y: 214, lit: false },
]
const LINES: readonly { path: string; delay: number }[] = [
  { path: 'M60 86 C 110 100 120 60 176 48', delay: 0 },
  { path: 'M300 84 C 250 96 230 60 176 48', delay: 0.9 },
  { path: 'M60 86 C 60 150 70 170 92 206', delay: 1.7 },
  { path: 'M214 176 C 160 180 140 200 92 206', delay: 0.4 },
  { path: 'M214 176 C 260 176 300 190 338 214', delay: 1.3 },
  { path: 'M300 84 C 330 130 340 160 338 214', delay: 2.1 },
]

export function Neighbourhood({ className }: { className?: string }) {
  return (
    <svg viewBox="0 0 400 270" className={className} aria-hidden focusable="false">
      <defs>
        <radialGradient id="landing-glow">
          <stop offset="0" stopColor="var(--c-primary)" stopOpacity="0.22" />
          <stop offset="1" stopColor="var(--c-primary)" stopOpacity="0" />
        </radialGradient>
      </defs>
      <ellipse cx="200" cy="135" rx="198" ry="130" fill="url(#landing-glow)" />
      {LINES.map(({ path, delay }) => (
        <g key={path} fill="none" strokeLinecap="round">
          <path d={path} stroke="var(--c-line-strong)" strokeOpacity="0.55" strokeWidth="1.5" />
          <path d={path} stroke="var(--c-primary)" strokeWidth="2.5" className="animate-flow opacity-0" style={{ animationDelay: `${delay}s` }} />
        </g>
      ))}
      {HOMES.map(({ x, y, lit }) => (
        <g key={`${x}-${y}`} transform={`translate(${x} ${y})`} strokeLinejoin="round">
          <path d="M-21 4 L0 -18 L21 4 V24 H-21 Z" fill="var(--c-surface)" stroke={lit ? 'var(--c-primary)' : 'var(--c-buy)'} strokeWidth="2" />
          {lit && <path d="M3 -10 L16 3 L8 3 L-3 -7 Z" fill="var(--c-primary)" fillOpacity="0.85" />}
          <rect x="-5" y="9" width="10" height="15" rx="1.5" fill={lit ? 'var(--c-primary)' : 'var(--c-buy)'} fillOpacity="0.5" />
        </g>
      ))}
    </svg>
  )
}
