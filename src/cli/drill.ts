/** `lvsd drill`: failover, rehearsed. */
import { type Command, Option } from 'commander';
import { runDrill } from '../drill/drill.ts';
import { SCENARIO_NAMES } from '../drill/scenarios.ts';

export function addDrillCommand(program: Command): void {
  program
    .command('drill')
    .argument('[scenario...]', `${SCENARIO_NAMES.join(', ')} (default: all)`)
    .description('failover drills in a lab of network namespaces, on a real IPVS kernel')
    .option('--json', 'one JSON document on stdout, progress on stderr')
    .addOption(
      new Option('--against <peer>', 'the same drill on a peer beside it').choices(['keepalived']),
    )
    .action(async (scenarios: string[], options: { json?: boolean; against?: 'keepalived' }) => {
      process.exitCode = await runDrill({
        scenarios,
        json: options.json ?? false,
        ...(options.against === undefined ? {} : { against: options.against }),
      });
    });
}
