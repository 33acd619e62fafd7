/** Pseudo-random numbers below 2³², the same for the same seed. */
function xorshift(seed: number): () => number {
  let x = (seed * 2_654_435_761 + 1) >>> 0 || 1;
  return () => {
    x ^= x << 13;
    x >>>= 0;
    x ^= x >>> 17;
    x ^= x << 5;
    x >>>= 0;
    return x;
  };
}

const encode = (text: string): Uint8Array => new TextEncoder().encode(text);
const words = ['INFO', 'WARN', 'DEBUG', 'org.apache.hadoop.hdfs.server.namenode.FSNamesystem', 'BlockStateChange', 'allocate', 'blk_', 'replica', 'hive', 'spark-history', '/warehouse/tablespace/managed/hive/', 'part-', '.snappy.parquet',
  'src=', 'dst=null', 'perm=', 'proto=rpc', 'user=', 'container_', 'application_', 'status', 'region', 'customer', 'amount', 'currency', 'EUR', 'USD', 'delivered', 'pending', 'returned', 'session', 'duration', 'bytes', 'http', 'GET', 'POST', '/api/v1/orders/', '200', '404'].map(encode);

/** Shape of a line: a word, `n` digits, `h` hexadecimal digits (hard to compress), or text as it is. */
type Field = { readonly word: true } | { readonly digits: number } | { readonly hex: number } | { readonly text: Uint8Array };
const shape = (...fields: readonly (string | number | { readonly hex: number })[]): Field[] =>
  fields.map((each) => (each === '*' ? { word: true } : typeof each === 'string' ? { text: encode(each) } : typeof each === 'number' ? { digits: each } : each));

/** Kinds of text as clusters hold it. */
const shapes: readonly (readonly Field[])[] = [
  shape('2026-11-24 0', 1, ':', 2, ':', 2, ',', 3, ' ', '*', ' ', '*', ': ', '*', ' ', '*', ' 10.0.', 2, '.', 2, ' ', '*', { hex: 9 }, ' ', '*', ' ', '*', ' ', 6, '\n'),
  shape(8, ',', '*', ',', 5, '.', 2, ',', '*', ',', { hex: 7 }, ',2026-', 2, '-', 2, ',', '*', ',', 3, '\n'),
  shape('{"id":', 8, ',"event":"', '*', '","user":"', { hex: 8 }, '","at":17', 8, ',"tags":["', '*', '","', '*', '"],"value":', 4, '}\n'),
  shape(6, '\t', 6, '\t', { hex: 5 }, '\t', '*', '\t', 4, '\t', '*', '\n'),
];

/** Fills buffers with lines of one kind; the same seed gives the same bytes. @param noise share of digits more that do not compress */
export function sampleText(kind: number, seed: number, noise = 0): (into: Uint8Array) => void {
  const fields = shapes[kind % shapes.length]!.map((each) => ('hex' in each ? { hex: Math.round(each.hex * (1 + noise)) } : each));
  const next = xorshift(seed + kind * 7919);
  let rest = new Uint8Array(0);
  const line = new Uint8Array(1024);
  const write = (): number => {
    let at = 0;
    for (const field of fields) {
      if ('text' in field || 'word' in field) {
        const bytes = 'text' in field ? field.text : words[next() % words.length]!;
        for (let i = 0; i < bytes.length; i++) line[at++] = bytes[i]!;
      } else if ('digits' in field) {
        for (let i = 0, value = next(); i < field.digits; i++, value = Math.floor(value / 10)) line[at++] = 48 + (value % 10);
      } else {
        for (let i = 0, value = next(); i < field.hex; i++) {
          if (i > 0 && i % 7 === 0) value = next();
          const digit = (value >>> ((i % 7) * 4)) & 15;
          line[at++] = digit < 10 ? 48 + digit : 87 + digit;
        }
      }
    }
    return at;
  };
  return (into) => {
    into.set(rest.subarray(0, into.length));
    let at = Math.min(rest.length, into.length);
    rest = rest.subarray(at);
    while (at < into.length) {
      const length = write();
      const take = Math.min(length, into.length - at);
      for (let i = 0; i < take; i++) into[at + i] = line[i]!;
      at += take;
      if (take < length) rest = line.slice(take, length);
    }
  };
}
