/** One half of the seeded simulation; see seeds.ts. */
import { testShare } from './seeds.ts';

testShare(1);
