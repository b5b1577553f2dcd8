// SPDX-License-Identifier: Apache-2.0
import { clsx, type ClassValue } from 'clsx'
import { twMerge } from 'tailwind-merge'

/** Class names joined; of contradicting Tailwind classes the last wins. */
export const cn = (...names: ClassValue[]): string => twMerge(clsx(names))
