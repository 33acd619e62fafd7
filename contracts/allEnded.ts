/** Like `Promise.all`, but all of it has ended when this returns or throws: what is cleaned up afterwards is not written by anybody any more. */
export async function allEnded<T>(works: readonly Promise<T>[]): Promise<T[]> {
  const results = await Promise.allSettled(works);
  return results.map((each) => {
    if (each.status === 'rejected') throw each.reason;
    return each.value;
  });
}
