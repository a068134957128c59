/** Which side of the connection synchronisation an instance makes of this director. Pure. */
import type { NoticeState } from '../vrrp/notice.ts';

/** Absent: the notice is no change of state. */
export function syncRoleOf(state: NoticeState): 'master' | 'backup' | undefined {
  switch (state) {
    case 'MASTER':
      return 'master';
    case 'BACKUP':
    case 'FAULT':
    case 'STOP':
    case 'DELETED':
      return 'backup';
    case 'MASTER_RX_LOWER_PRI':
    case 'MASTER_PRIORITY':
    case 'BACKUP_PRIORITY':
      return undefined;
    default:
      return state satisfies never;
  }
}
