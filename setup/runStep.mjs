import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { SetUpError } from './setUpError.mjs';

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP'];

/** Runs one installer, which `hold` adds to the lock's holders; a line with seconds on stderr when done. Throws SetUpError with the end of its output. */
export async function runStep({ title, command, args, cwd, env: more = {}, hold }) {
  const begin = Date.now();
  process.stderr.write(`set-up: ${title} …\n`);
  const env = { ...process.env, ...more };
  // Set by an outer `npm test` or `npx`: they would lead the inner npm astray.
  for (const key of Object.keys(env)) if (/^npm_config_(prefix|global|local_prefix|workspace.*)$/i.test(key)) delete env[key];
  let interruptedBy;
  // At a terminal the installer gets Ctrl-C itself, and bears a second one.
  const onSignal = (signal) => {
    interruptedBy = signal;
    child.kill(signal);
  };
  // Before there is an installer that could be left alone.
  for (const signal of passedOn) process.on(signal, onSignal);
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'] });
  let tail = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8');
    stream.on('data', (text) => { tail = (tail + text).slice(-4000); });
  }
  const release = child.pid === undefined ? () => undefined : hold(child.pid);
  const end = await new Promise((done) => {
    child.once('error', (error) => done(error.message));
    child.once('close', (code, signal) => done(code === 0 ? undefined : `${command} ended with ${signal ?? code}`));
  });
  for (const signal of passedOn) process.off(signal, onSignal);
  release();
  if (interruptedBy !== undefined) throw new SetUpError(`set-up of ${title} was interrupted\nhint: start again, it goes on with what is missing`, 128 + constants.signals[interruptedBy]);
  const seconds = Math.round((Date.now() - begin) / 1000);
  if (end !== undefined) {
    const lines = tail.trimEnd().split('\n').slice(-15).map((line) => `  ${line}`).join('\n');
    throw new SetUpError(`set-up of ${title} failed after ${seconds} s: ${end}\n${lines}\nhint: start again, it goes on with what is missing`);
  }
  process.stderr.write(`set-up: ${title} … ${seconds} s\n`);
}
