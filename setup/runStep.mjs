import { spawn } from 'node:child_process';
import { SetUpError } from './setUpError.mjs';

/** Runs one installer; a line with seconds on stderr when done. Throws SetUpError with the end of its output. */
export async function runStep({ title, command, args, cwd, env: more = {} }) {
  const begin = Date.now();
  process.stderr.write(`set-up: ${title} …\n`);
  const env = { ...process.env, ...more };
  // Set by an outer `npm test` or `npx`: they would lead the inner npm astray.
  for (const key of Object.keys(env)) if (/^npm_config_(prefix|global|local_prefix|workspace.*)$/i.test(key)) delete env[key];
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => { tail = (tail + text).slice(-4000); });
  }
  const end = await new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(code === 0 ? undefined : `${command} ended with ${signal ?? code}`));
  });
  const seconds = Math.round((Date.now() - begin) / 1000);
  if (end !== undefined) {
    const lines = tail.trimEnd().split('\n').slice(-15).map((line) => `  ${line}`).join('\n');
    throw new SetUpError(`set-up of ${title} failed after ${seconds} s: ${end}\n${lines}\nhint: start again, it goes on with what is missing`);
  }
  process.stderr.write(`set-up: ${title} … ${seconds} s\n`);
}
