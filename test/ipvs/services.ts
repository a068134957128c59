/** virtual_servers for tests, as the compiler would make them. */
import type {
  RealServerConfig,
  SourceSpan,
  VirtualServerConfig,
  VirtualServerSettings,
} from '../../src/config/model.ts';
import type { ScriptCommand } from '../../src/config/model-vrrp.ts';
import { address } from './tables.ts';

const span: SourceSpan = { file: 'lvs.conf', line: 1, column: 1, endLine: 1, endColumn: 1 };

export function realServer(text: string, rest: Partial<RealServerConfig> = {}): RealServerConfig {
  return {
    span,
    address: address(text),
    port: 80,
    weight: 1,
    forwardingMethod: 'droute',
    checkers: [],
    ...rest,
  };
}

/** TCP port 80, round robin, unless said. */
export function virtualServer(
  text: string,
  realServers: readonly RealServerConfig[],
  rest: Partial<VirtualServerSettings> = {},
): VirtualServerConfig {
  return { kind: 'address', address: address(text), port: 80, ...settings(realServers), ...rest };
}

export function markedServer(
  fwmark: number,
  realServers: readonly RealServerConfig[],
): VirtualServerConfig {
  return { kind: 'fwmark', fwmark, family: 'inet', ...settings(realServers) };
}

export function groupServer(
  group: string,
  realServers: readonly RealServerConfig[],
  rest: Partial<VirtualServerSettings> = {},
): VirtualServerConfig {
  return { kind: 'group', group, family: 'inet', ...settings(realServers), ...rest };
}

export function script(path: string): ScriptCommand {
  return { path, args: [] };
}

export const noSpan = span;

function settings(realServers: readonly RealServerConfig[]): VirtualServerSettings {
  return { span, protocol: 'tcp', scheduler: 'rr', realServers };
}
