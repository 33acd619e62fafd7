import type { NativeClient } from './nativeClient.ts';
import { hasNativeCode } from './nativeFailure.ts';

/**
 * Renames a file, but only to a name that nothing has: a second name is refused where a rename would replace. `undefined`: the server has no such thing. The old name is gone in any case. @throws NativeError
 */
export async function linkFile(client: NativeClient, from: string, to: string): Promise<boolean | undefined> {
  const made = await client.link(from, to).then(() => true, (error: unknown) => {
    if (hasNativeCode(error, 'EEXIST')) return false;
    if (hasNativeCode(error, 'EPERM', 'EOPNOTSUPP', 'ENOTSUP', 'EMLINK')) return undefined;
    throw error;
  });
  await client.unlink(from);
  return made;
}
