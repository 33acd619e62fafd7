/** Does it for all of them, so many at a time. */
export async function atOnce<T>(most: number, items: readonly T[], work: (item: T) => Promise<void>): Promise<void> {
  const left = items[Symbol.iterator]();
  await Promise.all(Array.from({ length: most }, async () => {
    for (const item of left) await work(item);
  }));
}
