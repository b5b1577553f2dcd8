// SPDX-License-Identifier: Apache-2.0
export { Badge, type Tone } from './badge'
export { Button, ButtonLink, buttonStyle, type ButtonProps } from './button'
export { Card, Facts, PageHeader, Stat } from './card'
export { Chart, type ChartProps, type Series } from './chart'
export { cn } from './cn'
export { Checkbox, Field, Input, inputStyle, Select, Textarea } from './field'
export { Hash } from './hash'
export { CardSkeleton, EmptyState, PageSkeleton, ProblemNotice, Skeleton } from './states'
export { Pagination, Table, Td, Th } from './table'
export { Stepper, type Step } from './stepper'
export { toast } from './toast'
// Dialog and Tabs stand in files of their own (radix): import them from '@/shared/ui/dialog' and '@/shared/ui/tabs'.
