import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const main = fileURLToPath(new URL('../../client/cli/main.ts', import.meta.url));

/** A terminal of 120 columns around a command; presses Ctrl-C once when the text appears on it. */
const terminal = `
import fcntl, os, pty, struct, sys, termios
trigger = sys.argv[1].encode()
pid, fd = pty.fork()
if pid == 0:
    os.execvp(sys.argv[2], sys.argv[2:])
fcntl.ioctl(fd, termios.TIOCSWINSZ, struct.pack('HHHH', 40, 120, 0, 0))
seen, pressed = b'', False
while True:
    try:
        data = os.read(fd, 65536)
    except OSError:
        break
    if not data:
        break
    seen += data
    if trigger and not pressed and trigger in seen:
        os.write(fd, b'\\x03')
        pressed = True
_, status = os.waitpid(pid, 0)
sys.stdout.buffer.write(seen)
sys.stdout.flush()
sys.exit(os.waitstatus_to_exitcode(status))
`;

/** Runs a command on a terminal of its own. @returns its exit code and everything that was on the screen */
export async function onTerminal(args: readonly string[], env: NodeJS.ProcessEnv, interruptAt = ''): Promise<{ readonly code: number; readonly screen: string }> {
  const child = spawn('python3', ['-c', terminal, interruptAt, process.execPath, '--disable-warning=ExperimentalWarning', main, ...args], { env, stdio: ['ignore', 'pipe', 'inherit'] });
  const parts: Buffer[] = [];
  child.stdout.on('data', (data: Buffer) => parts.push(data));
  const code = await new Promise<number>((done, fail) => child.once('error', fail).once('close', (status) => done(status ?? 1)));
  return { code, screen: Buffer.concat(parts).toString() };
}
