/** The bench before everything else on a shared machine: what others do would be measured, too. */
import { writeFileSync } from 'node:fs';

/** As nice: -20 to 19. Only root may go below 0. */
const AUTOGROUP_NICE = '-15';

/**
 * Raises the scheduler's group of this terminal session (sched_autogroup). @returns whether that was allowed; without,
 * figures are only as steady as the machine is quiet
 */
export function preferThisSession() {
  try {
    writeFileSync('/proc/self/autogroup', AUTOGROUP_NICE);
    return true;
  } catch (error) {
    if (['EPERM', 'EACCES', 'ENOENT', 'EINVAL', 'EAGAIN'].includes(error.code)) return false;
    throw error;
  }
}
