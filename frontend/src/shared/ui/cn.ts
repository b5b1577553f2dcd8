// SPDX-License-Identifier: Apache-2.0
import { clsx, type ClassValue } from 'clsx'

/**
 * Class names joined. Of two contradicting Tailwind classes the style sheet's order would decide, so a shared component
 * writes what its users may change with the variant `weak:`, which gives way to any class without it. A test finds
 * users that contradict what is not weak.
 */
export const cn = (...names: ClassValue[]): string => clsx(names)
