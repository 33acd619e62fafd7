import { allEnded } from '../contracts/allEnded.ts';
import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import { AT_ONCE, bytesOf, errorOf, expectAbsent, expectFailure, expectObject, inBatches, keysOf, timed, type ConformanceCase, type ConformanceScene } from './conformanceChecks.ts';
import { hostileSegments, longSegments } from './hostileSegments.ts';
import { sampleBody } from './sampleBody.ts';
import type { ByteRange } from './storageDriver.ts';

/** What is promised of reading, listing, removing and sweeping. */
export const readingCases: readonly ConformanceCase[] = [
  {
    name: 'ranges',
    async run({ session, prefix, signal }) {
      const key = `${prefix}ranges`;
      const sample = sampleBody(2_500_000, 'ranges');
      const whole = await bytesOf(sample.body());
      await session.put(key, sample.body(), sample, signal);
      const last = sample.length - 1;
      for (const [offset, length] of [[0, 1], [0, sample.length], [1_048_570, 20], [1, last], [last, 1], [sample.length - 100_000, 100_000], [sample.length, 0], [5, 0]] as const) {
        const got = await bytesOf(session.get(key, { offset, length }, signal));
        if (!got.equals(whole.subarray(offset, offset + length))) throw new Error(`other bytes for ${length} from ${offset}`);
      }
    },
  },
  {
    name: 'a range beyond the end is refused',
    async run({ session, prefix, signal }) {
      const key = `${prefix}beyond`;
      const sample = sampleBody(1000, 'beyond');
      await session.put(key, sample.body(), sample, signal);
      for (const range of [{ offset: 0, length: 1001 }, { offset: 999, length: 2 }, { offset: 1000, length: 1 }, { offset: 5000, length: 1 }] as ByteRange[]) {
        await expectFailure(bytesOf(session.get(key, range, signal)), 'E_CORRUPT', `range ${range.offset}+${range.length} of 1000`);
      }
    },
  },
  {
    name: 'a missing object',
    async run({ session, prefix, signal }) {
      await expectAbsent(session, `${prefix}missing`, signal);
      await expectAbsent(session, `${prefix}missing/below`, signal);
      await session.remove(`${prefix}missing`, signal);
      await session.remove(`${prefix}missing/below`, signal);
    },
  },
  {
    name: 'removing twice',
    async run({ session, prefix, signal }) {
      const key = `${prefix}removed/object`;
      const sample = sampleBody(10, 'removed');
      await session.put(key, sample.body(), sample, signal);
      await session.remove(key, signal);
      await expectAbsent(session, key, signal);
      await session.remove(key, signal);
    },
  },
  {
    name: 'hostile names',
    run: async (scene) => await namesComeBack(scene, 'hostile', hostileSegments()),
  },
  {
    name: 'very long names',
    run: async (scene) => await namesComeBack(scene, 'long', longSegments()),
  },
  {
    name: 'listing is complete and ordered',
    async run({ session, prefix, listed, signal }) {
      const folder = `${prefix}listed/`;
      const key = (i: number): string => `${folder}${i % 3 === 0 ? `d${i % 30}/` : i % 3 === 1 ? `d${i % 30}-` : ''}${(i * 7919) % listed}.${i}`;
      const sample = sampleBody(3, 'listed');
      for (let i = 0; i < listed; i += AT_ONCE) {
        await allEnded(Array.from({ length: Math.min(AT_ONCE, listed - i) }, (_, n) => session.put(key(i + n), sample.body(), sample, signal)));
      }
      let seen = 0;
      let previous = '';
      const seconds = await timed(async () => {
        for await (const object of session.list(folder, signal)) {
          if (seen > 0 && compareKeys(previous, object.key) >= 0) throw new Error(`${object.key} after ${previous}`);
          if (object.length !== 3) throw new Error(`length ${object.length} instead of 3 for ${object.key}`);
          previous = object.key;
          seen++;
        }
      });
      if (seen !== listed) throw new Error(`${seen} listed instead of ${listed}`);
      return { note: `${listed} objects in ${seconds.toFixed(2)} s` };
    },
  },
  {
    name: 'space',
    async run({ session, signal }) {
      const { freeBytes, totalBytes } = await session.space(signal);
      if (freeBytes === undefined && totalBytes === undefined) throw new Failure('E_UNSUPPORTED', 'the destination does not say');
      if (freeBytes !== undefined && !(freeBytes >= 0)) throw new Error(`free: ${freeBytes}`);
      if (freeBytes !== undefined && totalBytes !== undefined && freeBytes > totalBytes) throw new Error(`free ${freeBytes} of ${totalBytes}`);
      return { note: `${freeBytes ?? 'unknown'} bytes free of ${totalBytes ?? 'unknown'}` };
    },
  },
  {
    name: 'sweeping removes temporary objects only',
    async run({ session, other, prefix, largeBytes, exclusive, signal }) {
      const key = `${prefix}swept`;
      // Some media show nothing of a small object before it is whole.
      const sample = sampleBody(Math.max(2 * 1024 * 1024, exclusive ? largeBytes : 0), 'swept');
      await session.put(key, sample.body(), sample, signal);
      await session.sweep(24 * 60 * 60 * 1000, signal);
      await expectObject(other, key, sample, signal);
      if (!exclusive) return { note: 'by age only: others may be writing' };
      const started = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const body = async function* (): AsyncGenerator<Uint8Array> {
        for await (const block of sample.body()) {
          yield block;
          started.resolve();
          await goOn.promise;
        }
      };
      const put = errorOf(session.put(`${prefix}writer`, body(), sample, signal));
      await Promise.race([started.promise, put]);
      await new Promise((resolve) => setTimeout(resolve, 200));
      const unfinished = await Array.fromAsync(other.unfinished(signal));
      const tooYoung = await other.sweep(60 * 60 * 1000, signal);
      const swept = await other.sweep(0, signal);
      goOn.resolve();
      const error = await put;
      if (!swept.every((each) => unfinished.some(({ key: name }) => name === each))) throw new Error('what was swept was not listed as unfinished before');
      if (tooYoung.length > 0) throw new Error('a young temporary object was swept');
      if (swept.length === 0) throw new Error('the temporary object of a writer was not found');
      if (error === undefined) await expectObject(other, `${prefix}writer`, sample, signal);
      else await expectAbsent(other, `${prefix}writer`, signal);
      return { note: `swept ${swept.length}` };
    },
  },
];

/** Objects of these names, alone and below one another, are listed in order and read as they were put. */
async function namesComeBack({ session, other, prefix, signal }: ConformanceScene, name: string, names: readonly string[]): Promise<{ readonly note: string }> {
  const folder = `${prefix}${name}/`;
  const keys = names.flatMap((name, i) => (i % 7 === 0 ? [`${folder}${name}/${name}`] : [`${folder}${name}`]));
  await inBatches(keys, async (key) => {
    const sample = sampleBody(40, key);
    await session.put(key, sample.body(), sample, signal);
  });
  const wanted = [...keys].sort(compareKeys);
  const listed = await keysOf(other, folder, signal);
  wanted.forEach((key, i) => {
    if (listed[i] !== key) throw new Error(`listed ${JSON.stringify(listed[i])} instead of ${JSON.stringify(key)}`);
  });
  if (listed.length !== wanted.length) throw new Error(`${listed.length} listed instead of ${wanted.length}`);
  await inBatches(keys, async (key) => {
    await expectObject(other, key, sampleBody(40, key), signal);
    await session.remove(key, signal);
  });
  return { note: `${keys.length} names` };
}
