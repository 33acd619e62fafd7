import type { z } from 'zod';
import { encodePath } from './encodePath.ts';
import type { NameNodes } from './nameNodes.ts';
import { parseAnswer } from './parseAnswer.ts';

export type Parameters = Readonly<Record<string, string | number | boolean | undefined>>;

type Method = 'GET' | 'PUT' | 'POST' | 'DELETE';

/** One operation of the REST interface, answered by the active NameNode: in the form given, or with nothing that is read. */
export interface Call {
  (method: Method, op: string, path: string, parameters: Parameters, signal?: AbortSignal): Promise<undefined>;
  <T>(method: Method, op: string, path: string, parameters: Parameters, signal: AbortSignal | undefined, form: z.ZodType<T>): Promise<T>;
}

/** Operations that answer differently when they are carried out twice. */
const once = new Set(['CREATESNAPSHOT', 'DELETESNAPSHOT', 'RENAMESNAPSHOT', 'RENAME', 'DELETE', 'APPEND', 'CONCAT', 'TRUNCATE']);

/** Operations that walk a subtree before they answer. */
const slow = new Set(['GETCONTENTSUMMARY', 'GETQUOTAUSAGE', 'GETSNAPSHOTDIFF', 'DELETE', 'DELETESNAPSHOT']);

/** `call(method, op, path, parameters)` against these NameNodes, as this user. */
export function createCaller(nameNodes: NameNodes, user: string): Call {
  return async function call<T>(method: Method, op: string, path: string, parameters: Parameters, signal?: AbortSignal, form?: z.ZodType<T>): Promise<T | undefined> {
    const query = new URLSearchParams({ op, 'user.name': user });
    for (const [name, value] of Object.entries(parameters)) if (value !== undefined) query.set(name, String(value));
    const body = await nameNodes.ask({ method, target: `${encodePath(path)}?${query}`, op, path, repeatable: !once.has(op), slow: slow.has(op), signal });
    return form === undefined ? undefined : parseAnswer(body, form, { op, path });
  } as Call;
}
