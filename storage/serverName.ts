import { z } from 'zod';

/** A server of a destination: a port has a key of its own, and so has a user, whom client libraries would take from a name such as `user:password@nas`. */
export const serverName = z.string().regex(/^([^\s/\\@;?#%:[\]]+|[0-9A-Fa-f.]*(:[0-9A-Fa-f.]*){2,7}(%[^\s/\\@;?#%:[\]]+)?)$/, 'a name or an address, without user, port and brackets');
