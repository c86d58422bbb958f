/** What we use of it; it comes without types. */
declare module 'fs-native-extensions' {
  /** Takes the lock of a whole file for writing, if nobody else has it. */
  export function tryLock(fd: number): boolean
}
