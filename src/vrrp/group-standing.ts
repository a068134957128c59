/** Where an instance stands, in the words that its sync group decides with. */
import { ownCauses } from './fault-state.ts';
import type { GroupStanding, RouterConfig, State } from './machine.ts';

export function groupStanding(config: RouterConfig, state: State): GroupStanding {
  switch (state.name) {
    case 'INIT':
      return 'INIT';
    case 'FAULT':
      return ownCauses(config, state).length > 0 ? 'FAULT' : 'READY';
    case 'BACKUP':
      return state.wantsMaster ? 'WANTS_MASTER' : 'BACKUP';
    case 'MASTER':
      if (state.awaitsGroup) return 'HANDED';
      return state.isReleasing ? 'LEAVING' : 'MASTER';
  }
}
