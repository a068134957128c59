/** `10.16.0.7` and so on: as many addresses as a generated configuration needs. */
export function addressOf(first: number, index: number): string {
  return `${first}.${16 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}`;
}
