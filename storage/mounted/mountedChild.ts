import { serveRequests } from '../native/serveRequests.ts';
import { connectMounted } from './connectMounted.ts';

serveRequests(connectMounted);
