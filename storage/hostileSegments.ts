/** Names that have broken backup tools: each must come back exactly, as a segment of a key. Built for all 95 printable characters and more. */
export function hostileSegments(): string[] {
  const names = new Set<string>();
  for (let code = 1; code <= 0x7f; code++) {
    const character = String.fromCharCode(code);
    if (character === '/') continue;
    names.add(`a${character}b`);
    if (character !== '.') names.add(character);
  }
  const odd = [
    ' leading', 'trailing ', '.leading', 'trailing.', '...', '..a', '~', '-rf', '*', 'CON', 'nul.txt', 'a:b', 'C:\\temp', '\\\\server\\share',
    '%', '%2F', '%252e', '%2E%2E', '%-', 'a%-', '%u0041', '%2Etmp', '$HOME', '`id`', "'quote'", '"quote"', 'a\r\nb', '\t', '\u0001\u001f\u007f',
    '.tmp', '.TMP', '.snapshot', '.reserved', '.nfs00000001', '._COPYING_', 'lost+found', 'a.tmp', '.DS_Store',
    'caf\u00e9', 'cafe\u0301', '\u4e2d\u6587', '\u{1f600}', '\u202eright-to-left', '\u200bzero-width', '\ufeffbom', '\uffff', '\ue000', '\ud800', 'x\udc00y', '\u{10ffff}',
    'A', 'a', 'B', 'b', 'STRASSE', 'straße', 'İ', 'ı',
  ];
  for (const name of odd) names.add(name);
  return [...names];
}

/** Names around and beyond the length that media take at once, as they are and encoded. */
export function longSegments(): string[] {
  return [80, 239, 240, 241, 255, 256, 600].flatMap(namesOfLength);
}

function namesOfLength(length: number): string[] {
  return ['n'.repeat(length), `${'n'.repeat(length - 1)}m`, 'é'.repeat(length)];
}
