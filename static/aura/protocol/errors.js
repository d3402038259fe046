/** Errors of the protocol; the twin of streaming/protocol/errors.py. */

/** Bytes that are not a frame, or a frame where none of its type may stand. */
export class FrameError extends Error {}
