/** A failure that needs no stack trace. `exitCode`: 1 a download failed, 2 a prerequisite or the command line. */
export class SetUpError extends Error {
  constructor(message, exitCode = 1) {
    super(message);
    this.exitCode = exitCode;
  }
}
