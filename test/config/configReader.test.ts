import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { configReader } from '../../config/configReader.ts';
import { builtCatalogue } from '../../config/loadConfig.ts';

const textWith = (folder: string): string => `clusters: { prod: { services: {} } }\ndestinations: { vault: { type: LocalDir, path: ${folder} } }\ntasks: {}\n`;

test('the worker sees each change of the configuration at once, also one that is wrong and one that is mended', async () => {
  await using stack = new AsyncDisposableStack();
  const folder = await mkdtemp(join(tmpdir(), 'config-reader-'));
  stack.defer(() => rm(folder, { recursive: true }));
  const file = join(folder, 'mrs-backup.yaml');
  const read = configReader({ file, env: {} }, await builtCatalogue());

  await expect(read()).rejects.toMatchObject({ code: 'E_CONFIG', message: expect.stringContaining(file) });
  await writeFile(file, textWith('/srv/one'));
  const first = await read();
  expect(first.destinations['vault']?.settings).toMatchObject({ path: '/srv/one' });
  expect(await read(), 'what has not changed is not checked again').toBe(first);
  await writeFile(file, textWith('/srv/two'));
  expect((await read()).destinations['vault']?.settings).toMatchObject({ path: '/srv/two' });
  await writeFile(file, textWith('relative'));
  await expect(read()).rejects.toMatchObject({ code: 'E_CONFIG' });
  await expect(read(), 'and is not taken for right the second time').rejects.toMatchObject({ code: 'E_CONFIG' });
  await writeFile(file, textWith('/srv/two'));
  expect((await read()).destinations['vault']?.settings).toMatchObject({ path: '/srv/two' });
});
