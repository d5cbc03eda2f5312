// The words for what a BMC can do to its machine, in the order of the IPMI codes (spec protocols.md §1.7).

export const CHASSIS_ACTIONS = ['off', 'on', 'cycle', 'reset', 'nmi', 'soft'] as const
export type ChassisAction = (typeof CHASSIS_ACTIONS)[number]

export type RestorePolicy = 'off' | 'previous' | 'on'

/** What happened to one chassis control that reached the BMC. */
export interface ChassisRecord {
  action: ChassisAction
  completionCode: number
  /** Whether the machine was touched: false when refused or only said to be done. */
  effect: boolean
}

/** Why the machine started last, as Get System Restart Cause tells it. */
export const RESTART_CAUSE = { unknown: 0, chassisControl: 1, powerRestored: 6, soft: 10 } as const
export type RestartCause = (typeof RESTART_CAUSE)[keyof typeof RESTART_CAUSE]
