/** Numbers of the protocol; the twin of streaming/protocol/codes.py. */

export const Mode = Object.freeze({ COMPLETE: 0, SENTENCE: 1, TOKEN: 2 });
export const Action = Object.freeze({ PAUSE: 1, RESUME: 2, CANCEL: 3, MODE: 4, BARGE_IN: 5, DRAIN: 6 });
export const LibraryAction = Object.freeze({ OFFER: 1, ACK: 2, NEED: 3, RETIRE: 4 });
export const Finish = Object.freeze({ STOP: 0, LENGTH: 1, CANCELLED: 2, TOOL_CALL: 3, CONTENT_FILTER: 4 });
export const FaultCode = Object.freeze({ CORRUPT: 2, UNKNOWN_STREAM: 3, RESUME_IMPOSSIBLE: 4, UNKNOWN_LIBRARY: 17 });

/** Return what a client does after close code `code`: "stop", "reconnect" (at once) or "backoff". */
export function duty(code) {
  if (code === 1000 || (code >= 4200 && code <= 4299)) return "stop";
  if (code === 1001 || (code >= 4000 && code <= 4099)) return "reconnect";
  return "backoff";
}
