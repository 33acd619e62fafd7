import { serveRequests } from '../native/serveRequests.ts';
import { connectNfs } from './nfsFileSystem.ts';

serveRequests(connectNfs);
