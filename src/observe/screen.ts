/** Columns and colours of what is shown on a terminal. */

export const GREEN = 32;
export const YELLOW = 33;
export const RED = 31;
/** ipvsadm's words for the forwarding methods. */
export const FORWARD = {
  masq: 'Masq',
  tunnel: 'Tunnel',
  droute: 'Route',
  local: 'Local',
  bypass: 'Bypass',
} as const;

/** Columns two spaces apart, each as wide as its widest cell; the last one as long as it is. */
export function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, cell.length);
    }
  }
  return rows.map((row) =>
    row
      .map((cell, index) => (index === row.length - 1 ? cell : cell.padEnd(widths[index] ?? 0)))
      .join('  '),
  );
}

export function paint(text: string, code: number, { color }: { readonly color: boolean }): string {
  return color && code > 0 ? `\u001b[${code}m${text}\u001b[0m` : text;
}

/** `12 s`, `5 min`, `3 h`, `2 d`: one unit is enough to know whether it matters. */
export function age(sinceMs: number, nowMs: number): string {
  const seconds = Math.max(0, Math.floor((nowMs - sinceMs) / 1_000));
  if (seconds < 120) return `${seconds} s`;
  if (seconds < 7_200) return `${Math.floor(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.floor(seconds / 3_600)} h`;
  return `${Math.floor(seconds / 86_400)} d`;
}
