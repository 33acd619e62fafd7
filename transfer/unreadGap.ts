/** How the gap of an entry begins that is there to be read, but could not be: the next increment tries it again. */
export const unreadGap = 'could not be read: ';
