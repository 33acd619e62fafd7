/** Names of users and groups at the target and back. */
export interface OwnerMap {
  readonly to: (name: string) => string;
  /** The original of a name at the target; `hint` is the original that is expected, for mappings that join two names. */
  readonly from: (name: string, hint?: string) => string;
}

export function createOwnerMap(owners: Readonly<Record<string, string>>): OwnerMap {
  const back = new Map(Object.entries(owners).map(([from, to]) => [to, from]));
  const to = (name: string): string => (Object.hasOwn(owners, name) ? owners[name]! : name);
  return { to, from: (name, hint) => (hint !== undefined && to(hint) === name ? hint : (back.get(name) ?? name)) };
}

/** Translates the name of an ACL entry `[default:]user|group:NAME:perms`. */
export function mapAclEntry(entry: string, map: (name: string) => string): string {
  const parts = entry.split(':');
  const at = parts[0] === 'default' ? 2 : 1;
  const name = parts[at];
  if (parts.length > at && name !== undefined && name !== '') parts[at] = map(name);
  return parts.join(':');
}

/**
 * The full specification SETACL wants. GETACLSTATUS leaves out user, mask and other of the access ACL: they are the three digits of the mode, whose
 * middle one is the mask as soon as anything extended is there.
 */
export function fullAclSpec(entries: readonly string[], permission: string): string {
  const digits = permission.padStart(3, '0').slice(-3);
  const words = [...digits].map((digit) => ['---', '--x', '-w-', '-wx', 'r--', 'r-x', 'rw-', 'rwx'][Number(digit)] ?? '---');
  const access = entries.filter((entry) => !entry.startsWith('default:'));
  const defaults = entries.filter((entry) => entry.startsWith('default:'));
  const extended = access.length > 0;
  return [
    `user::${words[0]}`,
    ...(extended ? access : [`group::${words[1]}`]),
    ...(extended ? [`mask::${words[1]}`] : []),
    `other::${words[2]}`,
    ...defaults,
  ].join(',');
}
