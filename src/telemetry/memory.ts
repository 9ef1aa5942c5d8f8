/** The process's memory, as the kernel counts it against the container. */

/** Resident bytes. */
export function residentBytes(): number {
  return process.memoryUsage.rss();
}

/** The cgroup's limit in bytes; 0 where there is none. */
export function limitBytes(): number {
  const bytes = process.constrainedMemory();
  // Without a limit the kernel gives the largest multiple of a page.
  return bytes >= 2 ** 60 ? 0 : bytes;
}
