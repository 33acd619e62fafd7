import { createHash } from 'node:crypto';
import { compareKeys } from '../contracts/compareKeys.ts';
import { Failure } from '../contracts/failure.ts';
import { AT_ONCE, bytesOf, errorOf, expectAbsent, expectFailure, expectObject, inBatches, isFailure, keysOf, refused, roundTrip, settle, timed, type ConformanceScene } from './conformanceChecks.ts';
import { hostileSegments } from './hostileSegments.ts';
import { sampleBody } from './sampleBody.ts';
import type { ByteRange, StorageSession } from './storageDriver.ts';

/** One promise of `StorageSession`. Throws when it is not kept. */
export interface ConformanceCase {
  readonly name: string;
  run(scene: ConformanceScene): Promise<{ readonly bytesPerSecond?: number; readonly note?: string } | undefined | void>;
}

/** All cases, in the order they run. Names are stable: `StorageCapabilities.limits` refers to them. */
export const conformanceCases: readonly ConformanceCase[] = [
  {
    name: 'empty object',
    run: async (scene) => await roundTrip(scene, `${scene.prefix}sizes/0`, sampleBody(0, 'empty')),
  },
  {
    name: 'one byte',
    run: async (scene) => await roundTrip(scene, `${scene.prefix}sizes/1`, sampleBody(1, 'one')),
  },
  {
    name: 'write speed',
    async run({ session, prefix, largeBytes, signal }) {
      const sample = sampleBody(largeBytes, 'large');
      const seconds = await timed(() => session.put(`${prefix}large`, sample.body(), sample, signal));
      return { bytesPerSecond: largeBytes / seconds };
    },
  },
  {
    name: 'read speed',
    async run({ other, prefix, largeBytes, signal }) {
      const key = `${prefix}large`;
      const sample = sampleBody(largeBytes, 'large');
      const seconds = await timed(() => expectObject(other, key, sample, signal));
      await other.remove(key, signal);
      return { bytesPerSecond: largeBytes / seconds };
    },
  },
  {
    name: 'nothing is seen of an object until it is whole',
    async run({ session, other, prefix, signal }) {
      const key = `${prefix}unfinished/object`;
      const sample = sampleBody(3 * 1024 * 1024, 'unfinished');
      const halfWay = Promise.withResolvers<void>();
      const goOn = Promise.withResolvers<void>();
      const body = async function* (): AsyncGenerator<Uint8Array> {
        let blocks = 0;
        for await (const block of sample.body()) {
          if (++blocks === 3) {
            halfWay.resolve();
            await goOn.promise;
          }
          yield block;
        }
      };
      const put = session.put(key, body(), sample, signal);
      try {
        await Promise.race([halfWay.promise, put]);
        await expectAbsent(other, key, signal);
      } finally {
        goOn.resolve();
        await put.catch(() => {});
      }
      await put;
      await expectObject(other, key, sample, signal);
    },
  },
  {
    name: 'a shorter body than promised is refused',
    run: async (scene) => await refused(scene, 'shorter', (sample) => ({ length: sample.length + 1, sha256: sample.sha256 })),
  },
  {
    name: 'a longer body than promised is refused',
    run: async (scene) => await refused(scene, 'longer', (sample) => ({ length: sample.length - 1, sha256: sample.sha256 })),
  },
  {
    name: 'another digest than promised is refused',
    run: async (scene) => await refused(scene, 'digest', (sample) => ({ length: sample.length, sha256: sampleBody(5, 'other').sha256 })),
  },
  {
    name: 'a body that fails stores nothing',
    async run({ session, prefix, signal }) {
      const key = `${prefix}failing/object`;
      const sample = sampleBody(2 * 1024 * 1024, 'failing');
      const lost = new Error('the source is gone');
      const body = async function* (): AsyncGenerator<Uint8Array> {
        for await (const block of sample.body()) {
          yield block;
          throw lost;
        }
      };
      const error = await errorOf(session.put(key, body(), sample, signal));
      if (error !== lost) throw new Error(`the error of the body was not passed on, but: ${String(error)}`);
      await expectAbsent(session, key, signal);
    },
  },
  {
    name: 'an aborted write stores nothing',
    async run({ session, prefix, signal }) {
      const key = `${prefix}aborted/object`;
      const sample = sampleBody(2 * 1024 * 1024, 'aborted');
      const abort = new AbortController();
      const body = async function* (): AsyncGenerator<Uint8Array> {
        for await (const block of sample.body()) {
          yield block;
          setTimeout(() => abort.abort(new Error('stopped by the check')), 50);
          await new Promise((resolve) => setTimeout(resolve, 30_000).unref());
        }
      };
      let error: unknown;
      const seconds = await timed(async () => void (error = await errorOf(session.put(key, body(), sample, abort.signal))));
      if (error === undefined) throw new Error('it was stored');
      if (seconds > 10) throw new Error(`it took ${seconds.toFixed(1)} s to stop`);
      await expectAbsent(session, key, signal);
    },
  },
  {
    name: 'an object is replaced',
    async run({ session, other, prefix, signal }) {
      const key = `${prefix}replaced`;
      for (const [length, seed] of [[100_000, 'first'], [7, 'second'], [100_000, 'third'], [100_000, 'third']] as const) {
        const sample = sampleBody(length, seed);
        await session.put(key, sample.body(), sample, signal);
        await expectObject(other, key, sample, signal);
      }
      const listed = await keysOf(session, prefix, signal);
      if (listed.filter((each) => each === key).length !== 1) throw new Error('it is not listed exactly once');
    },
  },
  {
    name: 'a reader never sees a torn object while it is replaced',
    async run({ session, other, prefix, signal }) {
      const key = `${prefix}torn`;
      const versions = [sampleBody(1_500_000, 'even'), sampleBody(900_000, 'odd')];
      const digests = new Set(versions.map(({ sha256 }) => sha256));
      let writing = true;
      let reads = 0;
      const read = async (): Promise<void> => {
        while (writing) {
          const hash = createHash('sha256');
          try {
            for await (const chunk of other.get(key, undefined, signal)) hash.update(chunk);
          } catch (error) {
            if (isFailure(error, 'E_OBJECT_NOT_FOUND')) continue;
            throw error;
          }
          if (!digests.has(hash.digest('hex'))) throw new Error('a reader got bytes that were never put');
          reads++;
        }
      };
      const write = async (): Promise<void> => {
        try {
          for (let i = 0; i < 10; i++) await session.put(key, versions[i % 2]!.body(), versions[i % 2]!, signal);
        } finally {
          writing = false;
        }
      };
      await settle([read(), write()]);
      await expectObject(other, key, versions[1]!, signal);
      return { note: `${reads} whole reads during 10 writes` };
    },
  },
  {
    name: 'concurrent writers of one key leave one of them, whole',
    async run({ session, other, prefix, signal }) {
      const key = `${prefix}writers/one`;
      const samples = Array.from({ length: 6 }, (_, i) => sampleBody(300_000 + i, `writer ${i}`));
      await settle(samples.map((sample, i) => (i % 2 === 0 ? session : other).put(key, sample.body(), sample, signal)));
      const length = (await session.stat(key, signal))?.length;
      await expectObject(other, key, samples.find((sample) => sample.length === length) ?? samples[0]!, signal);
    },
  },
  {
    name: 'concurrent writers and removers of one folder',
    async run({ session, other, prefix, signal }) {
      const sample = sampleBody(10, 'folder');
      const turn = async (from: StorageSession, name: string): Promise<void> => {
        for (let i = 0; i < 8; i++) {
          await from.put(`${prefix}folder/deep/${name}`, sample.body(), sample, signal);
          await from.remove(`${prefix}folder/deep/${name}`, signal);
        }
      };
      await settle([turn(session, 'a'), turn(other, 'b')]);
      if ((await keysOf(session, `${prefix}folder/`, signal)).length !== 0) throw new Error('something is left');
    },
  },
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
    async run({ session, other, prefix, signal }) {
      const folder = `${prefix}hostile/`;
      const names = hostileSegments();
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
    },
  },
  {
    name: 'listing is complete and ordered',
    async run({ session, prefix, listed, signal }) {
      const folder = `${prefix}listed/`;
      const key = (i: number): string => `${folder}${i % 3 === 0 ? `d${i % 30}/` : i % 3 === 1 ? `d${i % 30}-` : ''}${(i * 7919) % listed}.${i}`;
      const sample = sampleBody(3, 'listed');
      for (let i = 0; i < listed; i += AT_ONCE) {
        await settle(Array.from({ length: Math.min(AT_ONCE, listed - i) }, (_, n) => session.put(key(i + n), sample.body(), sample, signal)));
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
    async run({ session, other, prefix, exclusive, signal }) {
      const key = `${prefix}swept`;
      const sample = sampleBody(2 * 1024 * 1024, 'swept');
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
      const tooYoung = await other.sweep(60 * 60 * 1000, signal);
      const swept = await other.sweep(0, signal);
      goOn.resolve();
      const error = await put;
      if (tooYoung.length > 0) throw new Error('a young temporary object was swept');
      if (swept.length === 0) throw new Error('the temporary object of a writer was not found');
      if (error === undefined) await expectObject(other, `${prefix}writer`, sample, signal);
      else await expectAbsent(other, `${prefix}writer`, signal);
      return { note: `swept ${swept.length}` };
    },
  },
];
