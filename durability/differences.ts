import type { TreeEntry } from './webHdfsTree.ts';

const mostNamed = 5;

/** How two trees differ, in sentences: at most a few, and how many more there are. */
export function treeDifferences(where: string, is: ReadonlyMap<string, TreeEntry>, should: ReadonlyMap<string, TreeEntry>): string[] {
  const found: string[] = [];
  for (const [path, wanted] of should) {
    const there = is.get(path);
    if (there === undefined) found.push(`${where}: lost ${path}`);
    else if (there.length !== wanted.length || there.sha256 !== wanted.sha256) found.push(`${where}: wrong bytes in ${path}`);
    else if (there.attributes !== wanted.attributes) found.push(`${where}: ${path} is ${there.attributes}, was ${wanted.attributes}`);
  }
  for (const path of is.keys()) if (!should.has(path)) found.push(`${where}: ${path} was never written`);
  return found.length <= mostNamed ? found : [...found.slice(0, mostNamed), `${where}: and ${found.length - mostNamed} more`];
}

export function databaseDifferences(where: string, is: ReadonlyMap<string, string>, should: ReadonlyMap<string, string>): string[] {
  return [...should].filter(([name, digest]) => is.get(name) !== digest).map(([name]) => (is.has(name) ? `${where}: wrong rows in database ${name}` : `${where}: lost database ${name}`));
}
