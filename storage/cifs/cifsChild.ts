import { serveRequests } from '../native/serveRequests.ts';
import { connectSmb } from './connectSmb.ts';

serveRequests(connectSmb);
