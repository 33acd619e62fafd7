const nobody = 65534;

/** The user that servers run as when root starts the lab, and whom their files must belong to. */
export const labUser = process.getuid?.() === 0 ? { uid: nobody, gid: nobody } : undefined;

/**
 * Words before a command that make it run as nobody when root runs it: servers that refuse root, or need none. With the named
 * capabilities it may still pass through folders that only root may enter (a checkout below /root or in a folder of `mktemp -d`).
 */
export function asNobody(...capabilities: readonly ('dac_read_search' | 'dac_override')[]): readonly string[] {
  if (labUser === undefined) return [];
  const set = capabilities.map((each) => `+${each}`).join(',');
  return ['setpriv', `--reuid=${nobody}`, `--regid=${nobody}`, '--clear-groups', `--inh-caps=${set}`, `--ambient-caps=${set}`];
}
