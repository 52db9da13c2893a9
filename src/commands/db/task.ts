import type { Report } from '../../report/report.ts';
import type { CommandContext, Option } from '../command.ts';

/** What `tailspan db WORD` does. */
export type DatabaseTask = (context: CommandContext) => Promise<Report>;

// Options that one task has alone.

export const CLEAR: Option<boolean> = {
  flags: '--clear',
  description: 'cache: remove all of them',
  group: 'Other',
};
export const DRY_RUN: Option<boolean> = {
  flags: '--dry-run',
  description: 'prune: say what would go, and drop nothing',
  group: 'Other',
};
