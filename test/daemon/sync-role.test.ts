import { describe, expect, it } from 'vitest';
import { syncRoleOf } from '../../src/daemon/sync-role.ts';
import type { NoticeState } from '../../src/vrrp/notice.ts';

const ROLES: Readonly<Record<NoticeState, 'master' | 'backup' | undefined>> = {
  MASTER: 'master',
  BACKUP: 'backup',
  FAULT: 'backup',
  STOP: 'backup',
  DELETED: 'backup',
  MASTER_RX_LOWER_PRI: undefined,
  MASTER_PRIORITY: undefined,
  BACKUP_PRIORITY: undefined,
};

describe('syncRoleOf', () => {
  it.each(Object.entries(ROLES))('%s makes %s', (state, role) => {
    expect(syncRoleOf(state as NoticeState)).toBe(role);
  });
});
