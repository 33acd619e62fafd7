import { createHash } from 'node:crypto';
import { allEnded } from '../contracts/allEnded.ts';
import { errorOf, expectAbsent, expectObject, isFailure, keysOf, refused, roundTrip, timed, type ConformanceCase } from './conformanceChecks.ts';
import { sampleBody } from './sampleBody.ts';
import type { StorageSession } from './storageDriver.ts';

/** How often an object is replaced under a reader. */
const TORN_WRITES = 10;

/** What is promised of writing an object, by one writer and by several. */
export const writingCases: readonly ConformanceCase[] = [
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
      let seconds = 0;
      for (const length of largeSizes(largeBytes)) {
        const sample = sampleBody(length, 'large');
        seconds = await timed(() => session.put(`${prefix}large-${length}`, sample.body(), sample, signal));
      }
      return { bytesPerSecond: largeBytes / seconds, note: largeSizes(largeBytes).map(inMiB).join(', ') };
    },
  },
  {
    name: 'read speed',
    async run({ other, prefix, largeBytes, signal }) {
      let seconds = 0;
      for (const length of largeSizes(largeBytes)) {
        const key = `${prefix}large-${length}`;
        const sample = sampleBody(length, 'large');
        seconds = await timed(() => expectObject(other, key, sample, signal));
        await other.remove(key, signal);
      }
      return { bytesPerSecond: largeBytes / seconds, note: largeSizes(largeBytes).map(inMiB).join(', ') };
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
      let askedAgain = 0;
      const read = async (): Promise<void> => {
        while (writing) {
          const hash = createHash('sha256');
          try {
            for await (const chunk of other.get(key, undefined, signal)) hash.update(chunk);
          } catch (error) {
            if (isFailure(error, 'E_OBJECT_NOT_FOUND')) continue;
            // A medium that knows no open files says that it was replaced, at worst once per time that it is.
            if (!isFailure(error, 'E_DESTINATION_UNREACHABLE') || askedAgain++ === TORN_WRITES) throw error;
            continue;
          }
          if (!digests.has(hash.digest('hex'))) throw new Error('a reader got bytes that were never put');
          reads++;
        }
      };
      const write = async (): Promise<void> => {
        try {
          for (let i = 0; i < TORN_WRITES; i++) await session.put(key, versions[i % 2]!.body(), versions[i % 2]!, signal);
        } finally {
          writing = false;
        }
      };
      await allEnded([read(), write()]);
      await expectObject(other, key, versions[1]!, signal);
      return { note: `${reads} whole reads during ${TORN_WRITES} writes${askedAgain === 0 ? '' : `, ${askedAgain} asked for again`}` };
    },
  },
  {
    name: 'concurrent writers of one key leave one of them, whole',
    async run({ session, other, prefix, signal }) {
      const key = `${prefix}writers/one`;
      const samples = Array.from({ length: 6 }, (_, i) => sampleBody(300_000 + i, `writer ${i}`));
      await allEnded(samples.map((sample, i) => (i % 2 === 0 ? session : other).put(key, sample.body(), sample, signal)));
      const length = (await session.stat(key, signal))?.length;
      await expectObject(other, key, samples.find((sample) => sample.length === length) ?? samples[0]!, signal);
    },
  },
  {
    name: 'of several who create one object, one does',
    async run({ session, other, prefix, signal }) {
      const key = `${prefix}created/object`;
      if (session.create === undefined) return { note: 'this type of destination does not offer it, and nothing relies on it' };
      const samples = Array.from({ length: 6 }, (_, i) => sampleBody(1000 + i, `creator ${i}`));
      const made = await allEnded(samples.map((sample, i) => (i % 2 === 0 ? session : other).create!(key, sample.body(), sample, signal)));
      // A file system that cannot decide stores nothing.
      if (made.every((each) => each === undefined)) {
        await expectAbsent(other, key, signal);
        return { note: 'this file system cannot decide, says so, and stores nothing' };
      }
      if (made.filter((each) => each === true).length !== 1) throw new Error(`${made.filter((each) => each === true).length} of ${made.length} were told that they made it`);
      await expectObject(other, key, samples[made.indexOf(true)]!, signal);
      await other.remove(key, signal);
      return { note: '' };
    },
  },
  {
    name: 'concurrent writers and removers of one folder',
    async run({ session, other, prefix, signal }) {
      const sample = sampleBody(10, 'folder');
      let askedAgain = 0;
      // As the engine does: what waiting may cure is tried again.
      const again = async (work: () => Promise<void>): Promise<void> => {
        for (let tries = 1; ; tries++) {
          try {
            return await work();
          } catch (error) {
            if (!isFailure(error, 'E_DESTINATION_UNREACHABLE') || tries === 5) throw error;
            askedAgain++;
          }
        }
      };
      const turn = async (from: StorageSession, name: string): Promise<void> => {
        for (let i = 0; i < 8; i++) {
          await again(() => from.put(`${prefix}folder/deep/${name}`, sample.body(), sample, signal));
          await again(() => from.remove(`${prefix}folder/deep/${name}`, signal));
        }
      };
      await allEnded([turn(session, 'a'), turn(other, 'b')]);
      if ((await keysOf(session, `${prefix}folder/`, signal)).length !== 0) throw new Error('something is left');
      return { note: askedAgain === 0 ? '' : `asked again ${askedAgain} times` };
    },
  },
];

const MiB = 1024 * 1024;

/** Large objects to write and read: the largest, whose speed is told, comes last. */
function largeSizes(largeBytes: number): readonly number[] {
  return largeBytes > 64 * MiB ? [64 * MiB, largeBytes] : [largeBytes];
}

function inMiB(length: number): string {
  return `${Math.round(length / MiB)} MiB`;
}
