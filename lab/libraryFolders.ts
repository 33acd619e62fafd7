import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';

/** Where the libraries of a tool lie that was unpacked from packages. Debian keeps them in folders named after the machine; what is linked from the system brings none. */
export function libraryFolders(tool: string): string[] {
  return ['usr/lib', 'lib'].map((name) => join(tool, name)).filter((below) => existsSync(below))
    .flatMap((below) => readdirSync(below, { withFileTypes: true }).filter((each) => each.isDirectory() && each.name.includes('linux')).map((each) => join(below, each.name)));
}
