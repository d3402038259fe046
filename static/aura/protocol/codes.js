/** Numbers of the protocol; the twin of streaming/protocol/codes.py. */

export const Mode = Object.freeze({ COMPLETE: 0, SENTENCE: 1, TOKEN: 2 });
export const Action = Object.freeze({ PAUSE: 1, RESUME: 2, CANCEL: 3, MODE: 4, BARGE_IN: 5, DRAIN: 6 });
export const Reliability = Object.freeze({ EXACTLY_ONCE: 0, AT_LEAST_ONCE: 1, AT_MOST_ONCE: 2 });
export const Priority = Object.freeze({ NORMAL: 0, URGENT: 1, BULK: 2 });
export const LibraryAction = Object.freeze({ OFFER: 1, ACK: 2, NEED: 3, RETIRE: 4, PRIMED: 5 });
export const VoiceAction = Object.freeze({
  LISTEN: 1, BEGIN: 2, END: 3, MUTE: 4,
  READY: 16, HEARD: 17, PARTIAL: 18, TRANSCRIPT: 19, PASSED: 20, SPEAKING: 21, SPOKEN: 22, STOPPED: 23, MUTED: 24, REPORT: 25,
});
export const VoiceStyle = Object.freeze({ HANDS_FREE: 0, PUSH_TO_TALK: 1 });
export const Finish = Object.freeze({ STOP: 0, LENGTH: 1, CANCELLED: 2, TOOL_CALL: 3, CONTENT_FILTER: 4 });
export const FaultCode = Object.freeze({ CORRUPT: 2, UNKNOWN_STREAM: 3, RESUME_IMPOSSIBLE: 4, UNKNOWN_LIBRARY: 17, NO_VOICE: 21 });

/** Return what a client does after close code `code`: "stop", "reconnect" (at once) or "backoff". */
export function duty(code) {
  if (code === 1000 || (code >= 4200 && code <= 4299)) return "stop";
  if (code === 1001 || (code >= 4000 && code <= 4099)) return "reconnect";
  return "backoff";
}
