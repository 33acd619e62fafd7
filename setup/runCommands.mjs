import { spawn } from 'node:child_process';
import { constants } from 'node:os';

const passedOn = ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT'];

/** Runs the commands in turn with our own stdin, stdout and stderr; stops at the first that fails. Gives the exit code. */
export async function runCommands({ root, node, commands }) {
  for (const [script, ...args] of commands) {
    const code = await runOne(node, [`${root}/${script}`, ...args], root, script);
    if (code !== 0) return code;
  }
  return 0;
}

function runOne(node, args, root, script) {
  // Only compilers and the test runner depend on the folder they run in; the others take relative paths from the user's.
  const cwd = script.startsWith('node_modules/') ? root : (process.env.INIT_CWD ?? process.cwd());
  return new Promise((done, fail) => {
    const child = spawn(node, args, { cwd, stdio: 'inherit' });
    const handlers = passedOn.map((signal) => {
      // At a terminal the whole foreground group gets Ctrl-C: passing it on would make two of it.
      const handler = () => { if (!(signal === 'SIGINT' && process.stdin.isTTY)) child.kill(signal); };
      process.on(signal, handler);
      return () => process.off(signal, handler);
    });
    const end = (settle) => { for (const off of handlers) off(); settle(); };
    child.once('error', (error) => end(() => fail(error)));
    child.once('exit', (code, signal) => end(() => done(code ?? 128 + (constants.signals[signal] ?? 0))));
  });
}
