/** Something that a tool needs is not there and could not be installed. The message says what to type. */
export class Missing extends Error {}
