/**
 * Users and groups by name, from the text of /etc/passwd and /etc/group (passwd(5), group(5)). Node has no
 * getpwnam(3); directories such as LDAP are not asked.
 */

export interface AccountFiles {
  readonly passwd: string;
  readonly group: string;
}

export interface Account {
  readonly uid: number;
  readonly gid: number;
}

export type FoundAccount =
  | { readonly ok: true; readonly account: Account }
  /** A sentence that says which name there is not. */
  | { readonly ok: false; readonly reason: string };

/** The user with its own group, or with the named one. */
export function findAccount(
  files: AccountFiles,
  user: string,
  group: string | undefined,
): FoundAccount {
  const fields = lineOf(files.passwd, user);
  const uid = numberOf(fields?.[2]);
  const gid = numberOf(fields?.[3]);
  if (uid === undefined || gid === undefined) {
    return { ok: false, reason: `there is no user ${user} in /etc/passwd` };
  }
  if (group === undefined) return { ok: true, account: { uid, gid } };
  const groupId = numberOf(lineOf(files.group, group)?.[2]);
  return groupId === undefined
    ? { ok: false, reason: `there is no group ${group} in /etc/group` }
    : { ok: true, account: { uid, gid: groupId } };
}

function lineOf(text: string, name: string): readonly string[] | undefined {
  const line = text.split('\n').find((each) => each.startsWith(`${name}:`));
  return line?.split(':');
}

function numberOf(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}
