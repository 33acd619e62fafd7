import picomatch from 'picomatch';
import { z } from 'zod';
import { isBelow } from '../../contracts/isBelow.ts';

/** An absolute, normalised HDFS path that can be backed up. */
const path = z.string().superRefine((value, context) => {
  if (!value.startsWith('/') || value === '/') context.addIssue({ code: 'custom', message: 'must be an absolute path below /' });
  const names = value.split('/').slice(1);
  if (names.some((name) => name === '' || name === '.' || name === '..')) context.addIssue({ code: 'custom', message: 'must be normalised: no empty name, no . and no ..' });
  if (names.some((name) => name === '.snapshot' || name === '.Trash' || name === '.reserved')) context.addIssue({ code: 'custom', message: '.snapshot, .Trash and .reserved cannot be backed up' });
  if (/[\0:]/.test(value)) context.addIssue({ code: 'custom', message: 'HDFS allows neither NUL nor a colon in names' });
});

/** A service instance of HDFS: one NameService. */
export const hdfsInstanceSchema = z.strictObject({
  /** HTTP addresses of its NameNodes, `http://host:9870`. */
  webhdfs: z.array(z.url({ protocol: /^https?$/ })).min(1),
  /** The user that takes snapshots and reads: the superuser, for everything to be kept. */
  user: z.string().min(1),
});
export type HdfsInstance = z.infer<typeof hdfsInstanceSchema>;

/** What of HDFS is backed up. */
export const hdfsSelectionSchema = z.strictObject({
  paths: z.array(path).min(1).superRefine((paths, context) => {
    for (const [i, one] of paths.entries()) {
      for (const [j, other] of paths.entries()) {
        if (i !== j && (one === other ? i < j : isBelow(one, other))) context.addIssue({ code: 'custom', message: `${one} is already part of ${other}` });
      }
    }
  }),
  /** Globs on full paths; what matches is left out with everything below it. */
  exclude: z.array(z.string().min(1)).optional(),
});
export type HdfsSelection = z.infer<typeof hdfsSelectionSchema>;

/** Whether a glob leaves this very path out; a walk prunes below it. */
export function createExcluder(exclude: readonly string[] | undefined): (path: string) => boolean {
  if (exclude === undefined || exclude.length === 0) return () => false;
  return picomatch([...exclude], { dot: true });
}

/** Whether a path, or a directory above it within `root`, is left out. */
export function isExcluded(excluder: (path: string) => boolean, path: string, root: string): boolean {
  for (let end = root.length; end !== -1; end = path.indexOf('/', end + 1)) {
    if (excluder(path.slice(0, end))) return true;
    if (end === path.length) return false;
  }
  return excluder(path);
}
