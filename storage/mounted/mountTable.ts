/** One line of `/proc/self/mountinfo`. */
export interface Mount {
  readonly id: number;
  /** Where it is mounted, absolute. */
  readonly mountPoint: string;
  readonly fileSystemType: string;
  /** What is mounted, as the file system says it: `host:/export`, `//host/share`, a device. */
  readonly source: string;
}

/** The mounts that this process sees, in the order in which they were made. Lines of another form are left out. */
export function parseMountTable(text: string): readonly Mount[] {
  return text.split('\n').flatMap((line) => {
    const words = line.split(' ');
    // Between the options and the type are any number of tags, ended by a hyphen.
    const end = words.indexOf('-', 6);
    const [id, , , , mountPoint] = words;
    const [fileSystemType, source] = words.slice(end + 1);
    if (end < 0 || mountPoint === undefined || fileSystemType === undefined || source === undefined || !/^\d+$/.test(id!)) return [];
    return [{ id: Number(id), mountPoint: unescape(mountPoint), fileSystemType, source: unescape(source) }];
  });
}

/** Blank, tab, line feed, backslash and number sign are written in octal. */
function unescape(word: string): string {
  return word.replaceAll(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
