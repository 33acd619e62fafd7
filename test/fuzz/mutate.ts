import fc from 'fast-check';

/** The seed of all fuzzing: the same cases every time; another one by MRS_BACKUP_FUZZ_SEED, more of them by MRS_BACKUP_FUZZ_RUNS. */
export const fuzz = { seed: Number(process.env['MRS_BACKUP_FUZZ_SEED'] ?? 20261125), numRuns: Number(process.env['MRS_BACKUP_FUZZ_RUNS'] ?? 300) };

/** Bytes with a few hostile changes: flipped, cut out, doubled, inserted, cut off. */
export function mutatedBytes(original: Uint8Array): fc.Arbitrary<Buffer> {
  const place = fc.nat(Math.max(0, original.length - 1));
  const change = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at: place, bit: fc.nat(7) }),
    fc.record({ kind: fc.constant('set' as const), at: place, value: fc.constantFrom(0, 1, 0x7f, 0x80, 0xff, 0x22, 0x5c, 0x7b) }),
    fc.record({ kind: fc.constant('remove' as const), at: place, length: fc.integer({ min: 1, max: 64 }) }),
    fc.record({ kind: fc.constant('double' as const), at: place, length: fc.integer({ min: 1, max: 64 }) }),
    fc.record({ kind: fc.constant('insert' as const), at: place, bytes: fc.uint8Array({ minLength: 1, maxLength: 16 }) }),
    fc.record({ kind: fc.constant('cut' as const), at: place }),
  );
  return fc.array(change, { minLength: 1, maxLength: 4 }).map((changes) => {
    let bytes = Buffer.from(original);
    for (const each of changes) {
      if (each.kind === 'flip' && each.at < bytes.length) bytes[each.at]! ^= 1 << each.bit;
      else if (each.kind === 'set' && each.at < bytes.length) bytes[each.at] = each.value;
      else if (each.kind === 'remove') bytes = Buffer.concat([bytes.subarray(0, each.at), bytes.subarray(each.at + each.length)]);
      else if (each.kind === 'double') bytes = Buffer.concat([bytes.subarray(0, each.at + each.length), bytes.subarray(each.at)]);
      else if (each.kind === 'insert') bytes = Buffer.concat([bytes.subarray(0, each.at), each.bytes, bytes.subarray(each.at)]);
      else if (each.kind === 'cut') bytes = bytes.subarray(0, each.at);
    }
    return bytes;
  });
}

const hostile: readonly unknown[] = [null, true, '', 'x', '../../etc', '\u0000', 0, -1, 1.5, 1e300, 2 ** 53, 9007199254740991, [], {}, [[]], 'f'.repeat(64), 'x'.repeat(100_000), { __proto__: null, constructor: 1 }];

/** JSON with one to three of its values replaced, removed or given a brother: valid JSON of another form. */
export function mutatedJson(original: unknown): fc.Arbitrary<unknown> {
  const change = fc.record({ pick: fc.nat(), what: fc.constantFrom('replace', 'remove', 'add', 'swap'), value: fc.constantFrom(...hostile) });
  return fc.array(change, { minLength: 1, maxLength: 3 }).map((changes) => {
    let value: unknown = structuredClone(original);
    for (const each of changes) {
      const places = placesOf(value);
      const { parent, key } = places[each.pick % places.length]!;
      if (parent === undefined) value = each.what === 'replace' ? each.value : value;
      else if (each.what === 'replace') Reflect.set(parent, key, structuredClone(each.value));
      else if (each.what === 'remove') Array.isArray(parent) ? parent.splice(Number(key), 1) : Reflect.deleteProperty(parent, key);
      else if (each.what === 'add') Array.isArray(parent) ? parent.push(structuredClone(each.value)) : Reflect.set(parent, 'stranger', structuredClone(each.value));
      else {
        const other = places[(each.pick >> 4) % places.length]!;
        if (other.parent !== undefined) Reflect.set(parent, key, structuredClone(Reflect.get(other.parent, other.key)));
      }
    }
    return value;
  });
}

type Parent = Record<string, unknown> | unknown[];
interface Place { readonly parent: Parent | undefined; readonly key: string }

function placesOf(value: unknown, parent?: Parent, key = ''): Place[] {
  const here = [{ parent, key }];
  if (typeof value !== 'object' || value === null) return here;
  return [...here, ...Object.entries(value).flatMap(([name, each]) => placesOf(each, value as Parent, name))];
}
