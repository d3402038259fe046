/** The ways to the server that the console can take. One more that carries frames is one more entry with its `dial`. */

import { SUBPROTOCOL } from "../protocol/frames.js";
import { DataChannelLine } from "../webrtc.js";
import { EventLine, FramesLine, NdjsonLine } from "./http_line.js";
import { SessionLine } from "./session_line.js";

const JSON_SUBPROTOCOL = `${SUBPROTOCOL}.json`;

/** Each makes a Line; `given` has socket (the address of the WebSocket), libraries and signalling (paths with a slash at the end), and mode. */
const MAKERS = {
  websocket: (given) => new SessionLine("websocket", { ...given, dial: () => new WebSocket(given.socket, [SUBPROTOCOL]) }),
  json: (given) => new SessionLine("json", { ...given, json: true, dial: () => new WebSocket(given.socket, [JSON_SUBPROTOCOL]) }),
  webrtc: (given) => new SessionLine("webrtc", { ...given, dial: () => new DataChannelLine(given.signalling) }),
  sse: (given) => new EventLine("sse", given),
  frames: (given) => new FramesLine("frames", given),
  ndjson: (given) => new NdjsonLine("ndjson", given),
};

/** Return whether there is a transport of that name. */
export const isTransport = (name) => Object.hasOwn(MAKERS, name);

/** Return a line over that transport. */
export const makeLine = (name, given) => MAKERS[name](given);
