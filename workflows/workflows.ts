/** Every workflow type of the worker. What is exported here is what the engine can start. */
export { backup } from './backup.ts';
export { copySource } from './copySource.ts';
export { verify } from './verify.ts';
export { restore } from './restore.ts';
export { restoreSource } from './restoreSource.ts';
export { mirror } from './mirror.ts';
