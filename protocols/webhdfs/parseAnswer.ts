import { z } from 'zod';
import { WebHdfsError } from './webHdfsError.ts';

/** A server's answer in its expected form. @throws WebHdfsError of kind `invalid` for anything else: what is not understood is never taken for something */
export function parseAnswer<T>(body: Buffer, form: z.ZodType<T>, { op, path }: { readonly op: string; readonly path: string }): T {
  const unexpected = (message: string, cause?: unknown) => new WebHdfsError(message, { kind: 'invalid', exception: 'UnexpectedAnswer', status: 200, op, path, cause });
  let value: unknown;
  try {
    value = JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw unexpected(`the answer is not JSON (is this the HTTP address of a NameNode?); it begins with ${JSON.stringify(body.toString('utf8', 0, 60))}`, cause);
  }
  const parsed = form.safeParse(value);
  if (!parsed.success) throw unexpected(`the answer does not have the form of WebHDFS: ${z.prettifyError(parsed.error).replace(/\s+/g, ' ').slice(0, 300)}`);
  return parsed.data;
}
