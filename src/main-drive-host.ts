/** What commands on drives share: the table, where they report to, and the jobs under way. */

import type { Job } from './block/job/job.ts';
import type { Events } from './events.ts';
import type { DriveTable } from './main-drives.ts';

export interface DriveOutlets {
  readonly events: Events;
  readonly printOut: (text: string) => void;
  readonly printError: (text: string) => void;
}

export interface DriveHost {
  readonly table: DriveTable;
  readonly outlets: DriveOutlets;
  /** By the drive's name. */
  readonly jobs: Map<string, Job>;
}
