import { encodePath } from './encodePath.ts';
import type { NameNodes } from './nameNodes.ts';

export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

/** One operation of the REST interface, answered in JSON by the active NameNode. */
export type Call = <T>(method: 'GET' | 'PUT' | 'POST' | 'DELETE', op: string, path: string, parameters: Parameters, signal?: AbortSignal) => Promise<T>;

/** Operations that answer differently when they are carried out twice. */
const once = new Set(['CREATESNAPSHOT', 'DELETESNAPSHOT', 'RENAMESNAPSHOT', 'RENAME', 'DELETE', 'APPEND', 'CONCAT', 'TRUNCATE']);

/** Operations that walk a subtree before they answer. */
const slow = new Set(['GETCONTENTSUMMARY', 'GETQUOTAUSAGE', 'GETSNAPSHOTDIFF', 'DELETE', 'DELETESNAPSHOT']);

/** `call(method, op, path, parameters)` against these NameNodes, as this user. An empty answer is `undefined`. */
export function createCaller(nameNodes: NameNodes, user: string): Call {
  return async function call<T>(method: 'GET' | 'PUT' | 'POST' | 'DELETE', op: string, path: string, parameters: Parameters, signal?: AbortSignal): Promise<T> {
    const query = new URLSearchParams({ op, 'user.name': user });
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
    const body = await nameNodes.ask({ method, target: `${encodePath(path)}?${query}`, op, path, repeatable: !once.has(op), slow: slow.has(op), signal });
    return (body.length === 0 ? undefined : JSON.parse(body.toString('utf8'))) as T;
  };
}
